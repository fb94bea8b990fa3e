//! Engines made with the attribute, driven by hand-made turns.

use agent_factory_sdk::prelude::*;
use agent_factory_sdk::testing::FakeTurn;
use agent_factory_sdk::turn::{Message, Mode, Part, ToolRequest, ToolResult, Turn, TurnError};

/// Answers with what the first tool says.
#[agent_factory_sdk::engine]
fn run(turn: &Turn) -> Result<(), TurnError> {
    turn.progress("thinking");
    if turn.mode() == Mode::Heartbeat {
        return Err(TurnError::retry_after(50, "not now"));
    }
    let Some(tool) = turn.tools().into_iter().next() else {
        return Err(TurnError::Permanent("no tool".to_owned()));
    };
    let request = ToolRequest {
        id: "1".to_owned(),
        name: tool.name,
        arguments: format!(r#"{{"text":"{}"}}"#, turn.input().to_text()),
    };
    for result in turn.call_tools(&[request]) {
        turn.reply_text(match result.outcome {
            Ok(output) => output.to_text(),
            Err(error) => error.to_string(),
        })?;
    }
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct Text {
    text: String,
}

/// Say it backwards.
#[tool(read_only)]
fn reverse(args: Text) -> String {
    args.text.chars().rev().collect()
}

agent_factory_sdk::skill!(reverse);

#[test]
fn an_engine_can_use_a_real_skill() {
    let fake = FakeTurn::new("abc").with_skill("word-play", SKILL);
    assert_eq!(run(&fake.turn()), Ok(()));
    assert_eq!(fake.reply_text().as_deref(), Some("cba"));
    assert_eq!(fake.called()[0].name, "word_play__reverse");
    assert_eq!(fake.progress_shown(), ["thinking"]);
}

#[test]
fn an_engine_can_use_a_scripted_tool() {
    let tool = SKILL.tool("reverse").unwrap();
    let fake = FakeTurn::new("abc").with_tool(tool, |arguments| Ok(Output::text(arguments)));
    assert_eq!(run(&fake.turn()), Ok(()));
    assert_eq!(fake.reply_text().as_deref(), Some(r#"{"text":"abc"}"#));
}

#[test]
fn tools_end_with_the_rounds() {
    let fake = FakeTurn::new("abc")
        .with_skill("s", SKILL)
        .with_tool_rounds(1);
    run(&fake.turn()).unwrap();
    run(&fake.turn()).unwrap();
    assert_eq!(
        fake.reply_text().as_deref(),
        Some("no tool rounds are left")
    );
}

#[test]
fn a_failed_turn_says_what_should_happen_next() {
    let heartbeat = FakeTurn::new("").with_mode(Mode::Heartbeat);
    assert_eq!(
        run(&heartbeat.turn()),
        Err(TurnError::retry_after(50, "not now"))
    );
    assert_eq!(
        run(&FakeTurn::new("").turn()),
        Err(TurnError::Permanent("no tool".to_owned()))
    );
}

#[test]
fn what_the_host_refuses_is_the_engines_to_handle() {
    let fake = FakeTurn::new("").with_refusal("the reply has 9 bytes, more than 8");
    let turn = fake.turn();
    let refused = turn.reply_text("too long!").unwrap_err();
    assert_eq!(refused.to_string(), "the reply has 9 bytes, more than 8");
    assert_eq!(
        TurnError::from(refused.clone()),
        TurnError::Permanent(refused.0)
    );
    assert_eq!(fake.sent(), None);
    assert_eq!(turn.reply_text("shorter"), Ok(()));
    assert_eq!(fake.reply_text().as_deref(), Some("shorter"));
}

#[test]
fn history_comes_in_pages_from_the_newest_back() {
    let message = |number: u32| Message::user(vec![Part::text(number.to_string())]);
    let turn = FakeTurn::new("").with_history((1..=5).map(message)).turn();
    let newest = turn.history(None, 2);
    assert_eq!(newest.messages, [message(4), message(5)]);
    let middle = turn.history(newest.cursor.as_deref(), 2);
    assert_eq!(middle.messages, [message(2), message(3)]);
    let oldest = turn.history(middle.cursor.as_deref(), 2);
    assert_eq!((oldest.messages, oldest.cursor), (vec![message(1)], None));
}

#[test]
fn a_page_never_begins_with_a_tool_s_result() {
    let request = ToolRequest {
        id: "1".to_owned(),
        name: "t".to_owned(),
        arguments: "{}".to_owned(),
    };
    let result = ToolResult::new("1", Ok(Output::text("x")));
    let history = [
        Message::assistant(vec![request.into()]),
        Message::user(vec![result.into()]),
        Message::assistant(vec![Part::text("done")]),
    ];
    let turn = FakeTurn::new("").with_history(history.clone()).turn();
    let newest = turn.history(None, 2);
    assert_eq!(newest.messages, history[2..]);
    assert_eq!(
        turn.history(newest.cursor.as_deref(), 2).messages,
        history[..2]
    );
}
