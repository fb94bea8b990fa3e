//! An engine in JavaScript.

use super::stage::Stage;
use agent_factory::domain::{Invocation, ReceiptOutcome};

const ENGINE: &str = "js-engine";

#[tokio::test]
async fn it_lists_the_tools_and_calls_one_that_is_written_in_rust() {
    let Some(stage) = Stage::with(ENGINE, "calculator").await else {
        return;
    };
    let listed = stage.reply("/tools").await;
    assert!(listed.contains("`calculator__calculate`"), "{listed}");
    let (overlay, receipts) = stage
        .turn(r#"/call calculator__calculate {"expression":"6 * 7"}"#)
        .await;
    assert_eq!(overlay.reply.expect("a reply").text, "6 * 7 = 42");
    assert_eq!(overlay.history.len(), 1, "what it said");
    let [engine, tool] = receipts.as_slice() else {
        panic!("two invocations, two receipts");
    };
    assert_eq!(engine.invocation, Invocation::Engine);
    assert_eq!(
        (engine.outcome, tool.outcome),
        (ReceiptOutcome::Ok, ReceiptOutcome::Ok)
    );
}

#[tokio::test]
async fn a_tool_that_fails_is_told_and_the_turn_goes_on() {
    let Some(stage) = Stage::with(ENGINE, "calculator").await else {
        return;
    };
    let unknown = stage.reply("/call nobody__nothing").await;
    assert!(unknown.starts_with("invalid-arguments: "), "{unknown}");
}

#[tokio::test]
async fn without_a_model_it_answers_under_the_agents_name() {
    let Some(stage) = Stage::with(ENGINE, "calculator").await else {
        return;
    };
    assert_eq!(
        stage.reply("good morning").await,
        "Alva heard: good morning"
    );
}

#[tokio::test]
async fn javascript_may_call_python() {
    let Some(stage) = Stage::with(ENGINE, "python-skill").await else {
        return;
    };
    let reply = stage
        .reply(r#"/call python_skill__measure {"text":"two words"}"#)
        .await;
    assert_eq!(reply, "2 words, 1 sentences, 1 s to read");
}
