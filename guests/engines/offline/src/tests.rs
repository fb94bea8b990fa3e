use super::*;
use agent_factory_sdk::testing::{FakeTurn, Host};
use agent_factory_sdk::turn::{Role, ToolResult};
use agent_factory_sdk::types::{Output, Retry, ToolError};

/// A turn of an agent that has both skills we ship.
fn turn(input: &str) -> FakeTurn {
    FakeTurn::new(input)
        .with_section("AGENTS.md", "Be kind.")
        .with_section(
            "IDENTITY.md",
            "- Name: Ada\n- Emoji: 🦉\n- Vibe: warm, dry\n",
        )
        .with_section("USER.md", "- Name: Sam\n")
        .with_skill("calculator", calculator::SKILL)
        .with_skill("notes", notes::SKILL)
}

fn reply(input: &str) -> String {
    let fake = turn(input);
    run(&fake.turn()).unwrap();
    fake.reply_text().unwrap()
}

/// The full name and the arguments a message leads to.
fn called(input: &str) -> (String, String) {
    let _host = Host::new();
    let fake = turn(input);
    run(&fake.turn()).unwrap();
    let request = fake.called().into_iter().next().unwrap();
    (request.name, request.arguments)
}

#[test]
fn a_tool_s_answer_is_told_in_the_persona_s_voice() {
    assert_eq!(reply("calculator 6 * 7"), "Here you go, Sam: 6 * 7 = 42 🦉");
}

#[test]
fn a_tool_s_error_is_told_plainly() {
    let text = reply("calculate 1 / 0");
    let expected = "That did not work, Sam. calculator__calculate says: \
                    invalid arguments: division by zero at character 3";
    assert_eq!(text, expected);
}

#[test]
fn state_is_kept_from_turn_to_turn() {
    let _host = Host::new();
    assert_eq!(
        reply("notes add buy milk"),
        "Here you go, Sam: Noted as number 1: buy milk 🦉"
    );
    assert_eq!(reply("notes list"), "Here you go, Sam: 1. buy milk 🦉");
    assert_eq!(
        reply("notes remove 1"),
        "Here you go, Sam: Removed number 1: buy milk 🦉"
    );
    assert_eq!(
        reply("Notes List"),
        "Here you go, Sam: There are no notes. 🦉"
    );
}

#[test]
fn skills_tools_and_full_names_all_lead_to_the_tool() {
    let sum = || {
        (
            "calculator__calculate".to_owned(),
            r#"{"expression":"2*(3+4)"}"#.to_owned(),
        )
    };
    assert_eq!(called("calculator 2*(3+4)"), sum());
    assert_eq!(called("calculate 2*(3+4)"), sum());
    assert_eq!(called("Calculator: calculate 2*(3+4)"), sum());
    assert_eq!(called("CALCULATOR__CALCULATE 2*(3+4)"), sum());
    assert_eq!(called("  calculator\n2*(3+4) "), sum());
}

#[test]
fn a_skill_without_a_tool_s_name_means_its_first_tool() {
    let added = ("notes__add".to_owned(), r#"{"text":"buy milk"}"#.to_owned());
    assert_eq!(called("notes buy milk"), added);
    assert_eq!(called("notes"), ("notes__add".to_owned(), "{}".to_owned()));
}

#[test]
fn a_json_object_is_passed_on() {
    let expected = ("notes__add".to_owned(), r#"{"text": "a"}"#.to_owned());
    assert_eq!(called(r#"add {"text": "a"}"#), expected);
}

#[test]
fn a_hyphen_in_a_skill_s_name_is_written_as_the_person_likes() {
    let fake = FakeTurn::new("unit-tester 1 + 1").with_skill("unit-tester", calculator::SKILL);
    run(&fake.turn()).unwrap();
    assert_eq!(fake.reply_text().as_deref(), Some("Here you go: 1 + 1 = 2"));
}

#[test]
fn request_result_and_answer_are_in_the_history_in_this_order() {
    let fake = turn("calculate 1 + 1");
    run(&fake.turn()).unwrap();
    let [request, result, answer] = <[Message; 3]>::try_from(fake.appended()).unwrap();

    assert_eq!(request.role, Role::Assistant);
    assert_eq!(
        request.parts,
        fake.called()
            .into_iter()
            .map(Part::from)
            .collect::<Vec<_>>()
    );
    assert_eq!(result.role, Role::User);
    assert!(matches!(&result.parts[..], [Part::ToolResult(result)] if result.id == CALL_ID));
    assert_eq!(answer.role, Role::Assistant);
    assert_eq!(Some(answer.to_text()), fake.reply_text());
}

#[test]
fn small_talk_names_the_persona_the_count_and_the_tools() {
    let result = ToolResult::new("call-1", Ok(Output::text("2")));
    let history = [
        Message::user(vec![Part::text("hi")]),
        Message::assistant(vec![Part::text("hello")]),
        Message::user(vec![result.into()]),
        Message::user(vec![Part::text("how are you?")]),
    ];
    let fake = turn("What is\nnew?").with_history(history);
    run(&fake.turn()).unwrap();
    let expected = "Hello, Sam! I am Ada (warm, dry), and I run without a model right now. \
                    You said: \"What is new?\". You have written 2 messages before. \
                    Ask me for a tool by its name: calculator (calculate), notes (add, list, remove). 🦉";
    assert_eq!(fake.reply_text().as_deref(), Some(expected));
    assert_eq!(fake.appended().len(), 1);
    assert!(fake.called().is_empty());
}

#[test]
fn a_long_history_is_counted_page_by_page() {
    let history = (0..250).map(|_| Message::user(vec![Part::text("hi")]));
    let fake = turn("hello").with_history(history);
    run(&fake.turn()).unwrap();
    let text = fake.reply_text().unwrap();
    assert!(
        text.contains("You have written 250 messages before."),
        "{text}"
    );
}

#[test]
fn an_empty_workspace_still_gets_an_answer() {
    let fake = FakeTurn::new("hello");
    run(&fake.turn()).unwrap();
    let expected = "Hello! I am your agent, and I run without a model right now. You said: \"hello\". \
                    This is your first message here. I have no tools.";
    assert_eq!(fake.reply_text().as_deref(), Some(expected));
}

#[test]
fn a_message_without_words_is_answered() {
    let fake = FakeTurn::new("");
    run(&fake.turn()).unwrap();
    assert!(
        fake.reply_text()
            .unwrap()
            .contains("I can only read words.")
    );
}

#[test]
fn without_tool_rounds_no_tool_is_called() {
    let fake = turn("calculate 1 + 1").with_tool_rounds(0);
    run(&fake.turn()).unwrap();
    assert!(fake.called().is_empty());
    let expected = "I may not use any more tools in this turn, Sam.";
    assert_eq!(fake.reply_text().as_deref(), Some(expected));
}

#[test]
fn a_tool_that_asks_for_patience_is_told_plainly() {
    let tool = calculator::SKILL.tool("calculate").unwrap();
    let retry = Retry {
        milliseconds: 500,
        reason: "busy".to_owned(),
    };
    let fake = FakeTurn::new("calculate 1")
        .with_tool(tool, move |_| Err(ToolError::RetryAfter(retry.clone())));
    run(&fake.turn()).unwrap();
    let expected = "That did not work. calculate says: try again in 500 ms: busy";
    assert_eq!(fake.reply_text().as_deref(), Some(expected));
}

#[test]
fn a_heartbeat_is_silent_and_compaction_leaves_a_summary() {
    let heartbeat = turn("Read HEARTBEAT.md").with_mode(Mode::Heartbeat);
    run(&heartbeat.turn()).unwrap();
    assert_eq!(
        (heartbeat.reply_text(), heartbeat.appended()),
        (None, Vec::new())
    );

    let compact = turn("").with_mode(Mode::Compact);
    run(&compact.turn()).unwrap();
    assert_eq!(compact.reply_text(), None);
    assert_eq!(compact.appended().len(), 1);
}

#[test]
fn a_long_answer_of_a_tool_is_cut_in_the_reply_and_in_the_history() {
    let tool = calculator::SKILL.tool("calculate").unwrap();
    let fake = FakeTurn::new("calculate 1")
        .with_tool(tool, |_| Ok(Output::text("\u{e9}".repeat(1 << 20))));
    run(&fake.turn()).unwrap();
    let reply = fake.reply_text().unwrap();
    assert!(reply.starts_with("Here you go:"), "{reply}");
    assert!(reply.len() < short::TEXT_BYTES_MAX + 100);
    assert!(reply.ends_with("more bytes are not shown]"), "{reply}");
    let [_, result, answer] = <[Message; 3]>::try_from(fake.appended()).unwrap();
    let [Part::ToolResult(result)] = &result.parts[..] else {
        panic!("{:?}", result.parts);
    };
    let kept = result.outcome.as_ref().unwrap().to_text();
    assert!(kept.len() < short::TEXT_BYTES_MAX + 100);
    assert_eq!(answer.to_text(), reply);
}
