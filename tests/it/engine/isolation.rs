//! One call does not hold up another, and ends when it is told to.

use super::fixture::{Fixture, admitted, component_bytes};
use agent_factory::config::Limits;
use agent_factory::domain::{LimitExceeded, LimitName, ReceiptOutcome};
use agent_factory::engine::{ComponentKind, TurnFailure};

#[tokio::test]
async fn turns_go_on_while_one_spins_on_the_only_thread() {
    let fixture = Fixture::new(Limits {
        turn_cpu_ms: 600_000,
        ..Limits::default()
    })
    .await;
    let spinning = fixture.clone();
    let cancel = fixture.cancel.child_token();
    let mut input = fixture.input("spin");
    input.cancel = cancel.clone();
    let spinning =
        tokio::spawn(async move { spinning.host.run_turn(&spinning.engine, input).await });
    // Let it begin: from here on it holds the thread whenever nobody else does.
    tokio::task::yield_now().await;
    for number in 0..20 {
        let text = number.to_string();
        assert_eq!(fixture.reply(&format!("echo {text}")).await, text);
        tokio::task::yield_now().await;
    }
    assert!(!spinning.is_finished());
    cancel.cancel();
    let end = spinning.await.unwrap();
    assert_eq!(end.outcome, Err(TurnFailure::Cancelled));
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::Cancelled);
    assert!(end.receipts[0].cpu_us > 0);
}

#[tokio::test]
async fn a_turn_that_is_out_of_time_takes_its_only_tool_with_it() {
    let fixture = Fixture::new(Limits {
        tool_cpu_ms: 600_000,
        tool_ms: 600_000,
        turn_ms: 300,
        ..Limits::default()
    })
    .await;
    let end = fixture.turn("tool hostile__spin {}").await;
    let exceeded = LimitExceeded {
        limit: LimitName::TurnMs,
        value: 300,
    };
    assert_eq!(end.outcome, Err(TurnFailure::Exhausted(exceeded)));
    let [engine, tool] = &end.receipts[..] else {
        panic!("{:?}", end.receipts);
    };
    assert_eq!(engine.ended_by, Some(exceeded));
    assert_eq!(tool.outcome, ReceiptOutcome::Cancelled);
    assert!(
        tool.cpu_us > engine.cpu_us,
        "what the tool took is not the engine's: {} and {}",
        tool.cpu_us,
        engine.cpu_us
    );
}

#[tokio::test]
async fn a_cancelled_turn_takes_its_tools_with_it() {
    let fixture = Fixture::new(Limits {
        tool_cpu_ms: 600_000,
        tool_ms: 600_000,
        ..Limits::default()
    })
    .await;
    // Several run as tasks; one alone runs where its engine waits for it.
    for tools in [3, 1] {
        let fixture = Fixture {
            cancel: tokio_util::sync::CancellationToken::new(),
            ..fixture.clone()
        };
        let text = format!("batch {tools} hostile__spin");
        let turn = fixture.turn(&text);
        let cancel = async {
            while !fixture.host.taken().contains(&("tool_slots", tools)) {
                tokio::task::yield_now().await;
            }
            fixture.cancel.cancel();
        };
        let (end, ()) = tokio::join!(turn, cancel);
        assert_eq!(end.outcome, Err(TurnFailure::Cancelled));
        let outcomes = end.receipts.iter().map(|receipt| receipt.outcome);
        let cancelled = vec![ReceiptOutcome::Cancelled; tools as usize + 1];
        assert_eq!(outcomes.collect::<Vec<_>>(), cancelled, "each left its own");
    }
    let next = Fixture {
        cancel: tokio_util::sync::CancellationToken::new(),
        ..fixture
    };
    assert_eq!(next.reply("echo on").await, "on");
}

#[tokio::test]
async fn a_turn_that_is_cancelled_before_it_has_a_slot_does_not_run() {
    let fixture = Fixture::new(Limits::default()).await;
    fixture.cancel.cancel();
    let end = fixture.turn("echo hi").await;
    assert_eq!(end.outcome, Err(TurnFailure::Cancelled));
    assert!(end.receipts.is_empty());
}

#[tokio::test]
async fn more_turns_than_slots_wait_and_all_their_tools_run() {
    let limits = Limits {
        engine_slots: 2,
        tool_slots: 1,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let turns: Vec<_> = (0..8)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move { fixture.reply("batch 4 hostile__echo").await })
        })
        .collect();
    for turn in turns {
        assert!(turn.await.unwrap().contains("call-3: ok"));
    }
}

#[tokio::test]
async fn a_dropped_turn_gives_its_slots_back() {
    let limits = Limits {
        engine_slots: 1,
        tool_slots: 1,
        tool_cpu_ms: 600_000,
        tool_ms: 600_000,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    {
        let turn = fixture.turn("tool hostile__spin {}");
        tokio::pin!(turn);
        for _ in 0..10 {
            tokio::select! {
                biased;
                _ = &mut turn => panic!("it spins for ever"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert_eq!(
        fixture.reply("tool hostile__echo {}").await,
        "call-1: ok {}"
    );
}

#[tokio::test]
async fn memories_of_components_that_ran_are_kept_as_many_as_configured_or_as_calls_had_at_once() {
    let warm = async |most| {
        let fixture = Fixture::new(Limits {
            warm_memories: most,
            ..Limits::default()
        })
        .await;
        // An engine's and a skill's at once, and then another engine's.
        fixture.reply("tool hostile__echo {}").await;
        let mut bytes = component_bytes("hostile-engine");
        bytes.extend([0, 2, 1, b'x']);
        let other = admitted(bytes, ComponentKind::Engine);
        let engine = fixture.host.load_engine(&other.artifact).await.unwrap();
        let next = Fixture {
            engine,
            ..fixture.clone()
        };
        assert_eq!(next.reply("echo hi").await, "hi");
        let taken = fixture.host.taken();
        let of = |what: &str| taken.iter().find(|(one, _)| *one == what).unwrap().1;
        assert_eq!(of("pool_memories"), 0, "none is in use");
        of("pool_warm_memories")
    };
    assert_eq!(warm(0).await, 2);
    assert_eq!(warm(3).await, 3);
}
