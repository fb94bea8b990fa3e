//! Guests that wait for ever, or keep others waiting.

use super::{asking, assert_unhurt, engine_of_ends_at, tool_of_ends_at};
use crate::engine::fixture::Fixture;
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName};

#[tokio::test]
async fn an_engine_that_sleeps_for_ever() {
    let fixture = asking(LimitName::TurnMs, 200).await;
    engine_of_ends_at(&fixture, "sleep", LimitName::TurnMs, 200).await;
}

#[tokio::test]
async fn a_tool_that_sleeps_on_a_pollable_for_ever() {
    let fixture = asking(LimitName::ToolMs, 200).await;
    tool_of_ends_at(&fixture, "sleep {}", LimitName::ToolMs, 200).await;
}

/// The pool at its smallest that this needs: each engine has a tool slot to wait for, and no more.
#[tokio::test]
async fn every_engine_slot_waits_for_tools_at_once() {
    let limits = Limits {
        engine_slots: 3,
        tool_slots: 1,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let turns: Vec<_> = (0..12)
        .map(|number| {
            let fixture = Fixture {
                share: ["one", "two", "three"][number % 3],
                ..fixture.clone()
            };
            tokio::spawn(async move { fixture.turn("batch 5 hostile__echo").await })
        })
        .collect();
    for turn in turns {
        let end = turn.await.unwrap();
        let reply = end.outcome.unwrap().reply.unwrap().text;
        assert_eq!(reply.matches("ok {}").count(), 5, "{reply}");
        assert_eq!(end.receipts.len(), 6);
    }
    assert!(
        fixture
            .host
            .taken()
            .iter()
            .all(|(what, count)| *count == 0 || *what == "pool_warm_memories")
    );
}

/// One tenant fills every slot it may have with tools that do not end, and lines up more; another is served all the same.
#[tokio::test]
async fn a_tenant_that_floods_the_tool_slots() {
    let limits = Limits {
        engine_slots: 6,
        tool_slots: 4,
        tenant_engine_slots: 5,
        tenant_tool_slots: 3,
        tool_ms: 600_000,
        turn_ms: 600_000,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let flooding = fixture.clone();
            tokio::spawn(async move { flooding.turn("batch 4 hostile__sleep").await })
        })
        .collect();
    let taken = |name: &str| {
        let all = fixture.host.taken();
        all.into_iter()
            .find(|(what, _)| *what == name)
            .map_or(0, |(_, count)| count)
    };
    while taken("tool_slots_waiting") < 17 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        (taken("engine_slots"), taken("engine_slots_waiting")),
        (5, 3)
    );
    assert_eq!(taken("tool_slots"), 3, "the fourth is not for them");
    let neighbour = Fixture {
        share: "a neighbour",
        cancel: tokio_util::sync::CancellationToken::new(),
        ..fixture.clone()
    };
    for _ in 0..10 {
        assert_unhurt(&neighbour).await;
    }
    fixture.cancel.cancel();
    for turn in flood {
        turn.await.unwrap();
    }
    assert_unhurt(&neighbour).await;
    assert_eq!((taken("tool_slots"), taken("engine_slots")), (0, 0));
}

/// What a skill asks for bounds its calls, and no others.
#[tokio::test]
async fn a_skill_is_held_to_what_it_asked_for_and_to_no_more_than_the_host_allows() {
    let limits = Limits {
        host_calls: 50,
        ..Limits::default()
    };
    let mut fixture = Fixture::new(limits).await;
    for (asked, effective) in [(5, 5), (50, 50), (1_000, 50)] {
        fixture.skill_limits =
            serde_json::from_str(&format!("{{\"host_calls\":{asked}}}")).unwrap();
        let end = fixture.turn("tool hostile__chatter {}").await;
        let over = LimitExceeded {
            limit: LimitName::HostCalls,
            value: effective,
        };
        assert_eq!(end.receipts[1].ended_by, Some(over));
        assert_eq!(end.receipts[0].host_calls, 4);
    }
    fixture.limits = serde_json::from_str("{\"host_calls\":3}").unwrap();
    let end = fixture.turn("echo hi").await;
    assert_eq!(end.receipts[0].host_calls, 3);
    assert_eq!(
        fixture.turn("call-host 4").await.receipts[0]
            .ended_by
            .map(|by| by.value),
        Some(3)
    );
}
