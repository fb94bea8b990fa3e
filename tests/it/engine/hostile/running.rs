//! Guests that compute for ever.

use super::{asking, engine_ends_at, engine_of_ends_at, tool_ends_at, tool_of_ends_at, tool_traps};
use crate::engine::fixture::Fixture;
use crate::engine::sources::{FixedClock, Nobody, SeededRandom};
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName, LimitSet, ReceiptOutcome};
use agent_factory::engine::Sources;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn an_engine_that_spins() {
    let receipt = engine_of_ends_at(
        &asking(LimitName::TurnCpuMs, 150).await,
        "spin",
        LimitName::TurnCpuMs,
        150,
    )
    .await;
    assert!(receipt.cpu_us >= 150_000, "{}", receipt.cpu_us);
}

#[tokio::test]
async fn a_tool_that_spins() {
    let receipt = tool_of_ends_at(
        &asking(LimitName::ToolCpuMs, 150).await,
        "spin {}",
        LimitName::ToolCpuMs,
        150,
    )
    .await;
    assert!(receipt.cpu_us >= 150_000, "{}", receipt.cpu_us);
}

/// The hostile skill spins before it is asked for anything, once its clock says that the year 3000 is over.
#[tokio::test]
async fn a_tool_that_spins_in_its_start_function() {
    let mut fixture = asking(LimitName::ToolCpuMs, 150).await;
    let asked = std::mem::take(&mut fixture.skill_limits);
    assert_eq!(
        fixture.reply("tool hostile__echo {}").await,
        "call-1: ok {}"
    );
    fixture.skill_limits = asked;
    let clock = FixedClock::at(Duration::from_secs(40_000_000_000));
    fixture.sources = Some(Sources {
        clock: Arc::new(clock),
        random: Arc::new(SeededRandom::default()),
        recorder: Arc::new(Nobody),
    });
    let end = fixture.turn("tool hostile__echo {}").await;
    let exceeded = LimitExceeded {
        limit: LimitName::ToolCpuMs,
        value: 150,
    };
    assert_eq!(end.receipts[1].ended_by, Some(exceeded));
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Exhausted);
    fixture.sources = None;
    fixture.skill_limits = LimitSet::default();
    assert_eq!(
        fixture.reply("tool hostile__echo {}").await,
        "call-1: ok {}"
    );
}

/// A spinner that never ends by itself holds a thread no longer than a tick: others are served in between, many times.
#[tokio::test]
async fn one_that_spins_while_a_neighbour_makes_many_calls() {
    let fixture = Fixture::new(Limits {
        tool_cpu_ms: 600_000,
        tool_ms: 600_000,
        turn_ms: 600_000,
        ..Limits::default()
    })
    .await;
    let spinning = fixture.clone();
    let cancel = fixture.cancel.child_token();
    let mut input = fixture.input("batch 2 hostile__spin");
    input.cancel = cancel.clone();
    let spinning =
        tokio::spawn(async move { spinning.host.run_turn(&spinning.engine, input).await });
    let neighbour = Fixture {
        share: "a neighbour",
        ..fixture.clone()
    };
    for _ in 0..30 {
        super::assert_unhurt(&neighbour).await;
    }
    assert!(!spinning.is_finished());
    cancel.cancel();
    let end = spinning.await.unwrap();
    let cancelled =
        |receipt: &agent_factory::domain::Receipt| receipt.outcome == ReceiptOutcome::Cancelled;
    assert_eq!(end.receipts.len(), 3, "one for each call, cancelled or not");
    assert!(end.receipts.iter().all(cancelled));
}

#[tokio::test]
async fn a_tool_that_recurses_for_ever() {
    tool_traps(
        Limits::default(),
        "recurse {}",
        "out of bounds memory access",
    )
    .await;
}

#[tokio::test]
async fn an_engine_that_calls_the_host_for_ever() {
    let limits = Limits {
        host_calls: 50,
        ..Limits::default()
    };
    let receipt = engine_ends_at(limits, "call-host 1000000", LimitName::HostCalls, 50).await;
    assert_eq!(receipt.host_calls, 50);
}

#[tokio::test]
async fn a_tool_that_calls_the_host_for_ever() {
    let limits = Limits {
        host_calls: 50,
        ..Limits::default()
    };
    let receipt = tool_ends_at(limits, "chatter {}", LimitName::HostCalls, 50).await;
    assert_eq!(receipt.host_calls, 50);
}

/// Refused rounds are calls to the host: an engine that does not take no for an answer runs out of those.
#[tokio::test]
async fn an_engine_that_calls_tools_for_ever() {
    let limits = Limits {
        tool_rounds: 3,
        host_calls: 20,
        ..Limits::default()
    };
    let receipt = engine_ends_at(limits, "tools-for-ever", LimitName::HostCalls, 20).await;
    let rounds = LimitExceeded {
        limit: LimitName::ToolRounds,
        value: 3,
    };
    assert_eq!(receipt.limits_met, [rounds]);
}
