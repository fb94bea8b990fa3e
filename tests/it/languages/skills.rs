//! A skill in JavaScript and one in Python.

use super::stage::Stage;
use agent_factory::domain::ReceiptOutcome;
use agent_factory::engine::Grants;

const JS: &str = "js-skill";
const PYTHON: &str = "python-skill";

async fn stage(skill: &str) -> Option<Stage> {
    Stage::with("hostile-engine", skill).await
}

#[tokio::test]
async fn both_describe_their_tools_as_written() {
    for (skill, names) in [
        (JS, ["convert", "prefer"]),
        (PYTHON, ["measure", "written"]),
    ] {
        let Some(stage) = stage(skill).await else {
            continue;
        };
        let tools = &stage.skill.tools;
        let listed: Vec<String> = tools.iter().map(|tool| tool.name.to_string()).collect();
        assert_eq!(listed, names);
        assert!(tools[0].hints.read_only && !tools[1].hints.read_only);
        assert!(tools[0].output_schema.is_some() && tools[1].output_schema.is_none());
    }
}

#[tokio::test]
async fn a_javascript_tool_is_given_its_arguments_and_answers() {
    let Some(stage) = stage(JS).await else { return };
    let reply = stage
        .reply(r#"tool js-skill__convert {"value":26.2,"from":"mile","to":"kilometre"}"#)
        .await;
    let also = stage
        .reply(r#"tool js_skill__convert {"value":26.2,"from":"mile","to":"kilometre"}"#)
        .await;
    assert!(reply.contains("there is no tool"), "{reply}");
    assert_eq!(also, "call-1: ok 26.2 mile = 42.1648 kilometre");
}

#[tokio::test]
async fn a_python_tool_is_given_its_arguments_and_answers() {
    let Some(stage) = stage(PYTHON).await else {
        return;
    };
    let reply = stage
        .reply(r#"tool python_skill__measure {"text":"Grüße, Welt! It's 5 o'clock."}"#)
        .await;
    assert_eq!(reply, "call-1: ok 5 words, 2 sentences, 2 s to read");
}

#[tokio::test]
async fn what_is_thrown_or_raised_is_the_typed_error_the_author_chose() {
    if let Some(stage) = stage(JS).await {
        let reply = stage
            .reply(r#"tool js_skill__convert {"value":1,"from":"mile","to":"gram"}"#)
            .await;
        let expected = "InvalidArguments(\"mile is a length and gram is a weight\")";
        assert!(reply.contains(expected), "{reply}");
    }
    if let Some(stage) = stage(PYTHON).await {
        let reply = stage
            .reply(r#"tool python_skill__measure {"text":"..."}"#)
            .await;
        let expected = "InvalidArguments(\"there is no word in the text\")";
        assert!(reply.contains(expected), "{reply}");
    }
}

#[tokio::test]
async fn arguments_outside_the_schema_never_reach_the_skill() {
    for (skill, tool) in [(JS, "js_skill__convert"), (PYTHON, "python_skill__measure")] {
        let Some(stage) = stage(skill).await else {
            continue;
        };
        let (overlay, receipts) = stage.turn(&format!("tool {tool} {{}}")).await;
        let reply = overlay.reply.expect("a reply").text;
        assert!(reply.contains("is a required property"), "{reply}");
        assert_eq!(receipts.len(), 1, "the engine's alone");
    }
}

#[tokio::test]
async fn javascript_keeps_a_value_and_reads_it_in_a_later_call() {
    let Some(stage) = stage(JS).await else { return };
    let stage = stage.granted(Grants {
        kv_agent: true,
        ..Grants::none()
    });
    let before = stage
        .reply(r#"tool js_skill__convert {"value":1000,"from":"gram"}"#)
        .await;
    assert_eq!(before, "call-1: ok 1000 gram = 1 kilogram");
    stage
        .reply(r#"tool js_skill__prefer {"system":"imperial"}"#)
        .await;
    let after = stage
        .reply(r#"tool js_skill__convert {"value":1000,"from":"gram"}"#)
        .await;
    assert_eq!(after, "call-1: ok 1000 gram = 2.20462 pound");
}

#[tokio::test]
async fn python_writes_into_the_turns_overlay() {
    let Some(stage) = stage(PYTHON).await else {
        return;
    };
    let stage = stage.granted(Grants {
        kv_conversation: true,
        ..Grants::none()
    });
    let (overlay, receipts) = stage
        .turn(r#"tool python_skill__written {"text":"one two three"}"#)
        .await;
    let reply = overlay.reply.expect("a reply").text;
    assert_eq!(reply, "call-1: ok 3 words so far");
    assert_eq!(overlay.kv.len(), 1);
    assert_eq!(receipts[1].outcome, ReceiptOutcome::Ok);
    assert_eq!(
        receipts[1].host_calls, 4,
        "its name, its arguments, one read, one write"
    );
}

#[tokio::test]
async fn without_the_grant_both_say_what_a_person_must_do() {
    for (skill, command) in [
        (JS, r#"tool js_skill__prefer {"system":"metric"}"#),
        (PYTHON, r#"tool python_skill__written {"text":"one"}"#),
    ] {
        let Some(stage) = stage(skill).await else {
            continue;
        };
        let reply = stage.reply(command).await;
        let expected = "NotConfigured(\"key-value is not granted to this skill\")";
        assert!(reply.contains(expected), "{reply}");
    }
}
