//! Components that do what nobody should, each beside a neighbour that must not notice: what ends the call, what its receipt
//! says, and what is left of it.

mod flooding;
mod holding;
mod lying;
mod prying;
mod running;
mod waiting;

use super::fixture::Fixture;
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName, LimitSet, Reach, Receipt, ReceiptOutcome};
use agent_factory::engine::{TurnEnd, TurnFailure};
use std::collections::BTreeMap;

/// What became of the hostile turn, while a neighbour's turns on the same host were answered, each as if it were alone.
async fn beside_a_neighbour(fixture: &Fixture, text: &str) -> TurnEnd {
    // What the hostile one asks for is its own: the neighbour has what the host allows.
    let neighbour = Fixture {
        share: "a neighbour",
        limits: LimitSet::default(),
        skill_limits: LimitSet::default(),
        ..fixture.clone()
    };
    let (hostile, text) = (fixture.clone(), text.to_owned());
    let running = tokio::spawn(async move { hostile.turn(&text).await });
    let mut answered = 0;
    while answered < 3 || !running.is_finished() {
        assert_unhurt(&neighbour).await;
        answered += 1;
        tokio::task::yield_now().await;
    }
    let end = running.await.expect("the host does not break");
    assert_unhurt(&neighbour).await;
    for (what, count) in fixture.host.taken() {
        // Memory stays warm for the next call.
        assert!(
            count == 0 || what == "pool_warm_memories",
            "{what}: {count}"
        );
    }
    end
}

/// A turn with a tool: answered, and met by no limit.
async fn assert_unhurt(neighbour: &Fixture) {
    let end = neighbour.turn(r#"tool hostile__echo {"text":"hi"}"#).await;
    let reply = end
        .outcome
        .expect("a neighbour's turn")
        .reply
        .expect("a reply");
    assert_eq!(reply.text, r#"call-1: ok {"text":"hi"}"#);
    let calls: Vec<u32> = end
        .receipts
        .iter()
        .map(|receipt| receipt.host_calls)
        .collect();
    assert_eq!(calls, [4, 2], "its calls are its own");
    for receipt in end.receipts {
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
        assert_eq!((receipt.ended_by, receipt.limits_met), (None, Vec::new()));
        assert_eq!((receipt.log, receipt.log_dropped), (Vec::new(), 0));
    }
}

/// A host on which the hostile turn, and calls of its skill, ask for this much of one limit. For limits of time: a busy machine
/// must not make the neighbour meet them.
async fn asking(limit: LimitName, value: u64) -> Fixture {
    let set = BTreeMap::from([(limit.to_string(), value)]);
    let mut fixture = Fixture::new(Limits::default()).await;
    let asked = LimitSet::parse(&set, Reach::Turn).expect("a limit that can be asked for");
    (fixture.limits, fixture.skill_limits) = (asked.clone(), asked);
    fixture
}

/// A tool of the hostile skill met this limit, and its turn went on.
async fn tool_ends_at(limits: Limits, call: &str, limit: LimitName, value: u64) -> Receipt {
    let fixture = Fixture::new(limits).await;
    tool_of_ends_at(&fixture, call, limit, value).await
}

async fn tool_of_ends_at(fixture: &Fixture, call: &str, limit: LimitName, value: u64) -> Receipt {
    let mut end = beside_a_neighbour(fixture, &format!("tool hostile__{call}")).await;
    let reply = end
        .outcome
        .expect("a turn that goes on")
        .reply
        .expect("a reply");
    let exceeded = LimitExceeded { limit, value };
    assert!(reply.text.contains("Exhausted"), "{call}: {}", reply.text);
    assert!(
        reply.text.contains(&exceeded.to_string()),
        "{call}: {}",
        reply.text
    );
    let receipt = end.receipts.pop().expect("a receipt");
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted, "{call}");
    assert_eq!(receipt.ended_by, Some(exceeded), "{call}");
    receipt
}

/// The hostile engine met this limit.
async fn engine_ends_at(limits: Limits, text: &str, limit: LimitName, value: u64) -> Receipt {
    let fixture = Fixture::new(limits).await;
    engine_of_ends_at(&fixture, text, limit, value).await
}

async fn engine_of_ends_at(fixture: &Fixture, text: &str, limit: LimitName, value: u64) -> Receipt {
    let mut end = beside_a_neighbour(fixture, text).await;
    let exceeded = LimitExceeded { limit, value };
    assert_eq!(end.outcome, Err(TurnFailure::Exhausted(exceeded)), "{text}");
    let receipt = end.receipts.remove(0);
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted, "{text}");
    assert_eq!(receipt.ended_by, Some(exceeded), "{text}");
    receipt
}

/// A tool of the hostile skill broke by itself, with these words.
async fn tool_traps(limits: Limits, call: &str, words: &str) {
    let fixture = Fixture::new(limits).await;
    let end = beside_a_neighbour(&fixture, &format!("tool hostile__{call}")).await;
    let reply = end
        .outcome
        .expect("a turn that goes on")
        .reply
        .expect("a reply");
    assert!(
        reply.text.contains("the tool trapped") && reply.text.contains(words),
        "{call}: {}",
        reply.text
    );
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Trap, "{call}");
    assert_eq!(end.receipts[1].ended_by, None, "{call}");
}

/// What a tool that ends well met and was refused.
async fn tool_is_refused(limits: Limits, call: &str, limit: LimitName, value: u64) -> Receipt {
    let fixture = Fixture::new(limits).await;
    let mut end = beside_a_neighbour(&fixture, &format!("tool hostile__{call}")).await;
    assert!(end.outcome.is_ok(), "{call}: {:?}", end.outcome);
    let receipt = end.receipts.pop().expect("a receipt");
    assert_eq!(receipt.ended_by, None, "{call}");
    assert_eq!(
        receipt.limits_met,
        [LimitExceeded { limit, value }],
        "{call}"
    );
    receipt
}
