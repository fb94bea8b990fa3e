//! Guests that break, or answer what is none.

use super::{beside_a_neighbour, tool_traps};
use crate::engine::fixture::Fixture;
use agent_factory::config::Limits;
use agent_factory::domain::ReceiptOutcome;
use agent_factory::engine::TurnFailure;

#[tokio::test]
async fn a_tool_that_panics() {
    tool_traps(Limits::default(), "trap {}", "told to trap").await;
}

#[tokio::test]
async fn a_tool_that_aborts() {
    tool_traps(Limits::default(), "abort {}", "unreachable").await;
}

#[tokio::test]
async fn a_tool_that_exits() {
    tool_traps(Limits::default(), "exit {}", "ended itself with code 1").await;
}

#[tokio::test]
async fn an_engine_that_panics() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = beside_a_neighbour(&fixture, "trap").await;
    assert!(
        matches!(end.outcome, Err(TurnFailure::Trap(_))),
        "{:?}",
        end.outcome
    );
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::Trap);
}

#[tokio::test]
async fn a_tool_whose_json_is_none() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = beside_a_neighbour(&fixture, "tool hostile__bad_json {}").await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::GuestError);
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(reply.contains("structured output is not JSON"), "{reply}");
}

#[tokio::test]
async fn an_engine_that_sends_arguments_of_the_wrong_types() {
    let fixture = Fixture::new(Limits::default()).await;
    for (arguments, said) in [
        (r#"{"n":"one"}"#, "at /n"),
        (r#"{"text":7}"#, "at /text"),
        ("[1]", "is not of type"),
        ("null", "is not of type"),
        ("{", "not JSON"),
    ] {
        let end = beside_a_neighbour(&fixture, &format!("tool hostile__echo {arguments}")).await;
        let reply = end.outcome.unwrap().reply.unwrap().text;
        assert!(
            reply.contains("InvalidArguments") && reply.contains(said),
            "{arguments}: {reply}"
        );
        assert_eq!(end.receipts.len(), 1, "no tool ran");
    }
}

#[tokio::test]
async fn an_engine_that_makes_up_a_cursor() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = beside_a_neighbour(&fixture, "bad-cursor").await;
    assert!(
        matches!(end.outcome, Err(TurnFailure::Trap(_))),
        "{:?}",
        end.outcome
    );
}
