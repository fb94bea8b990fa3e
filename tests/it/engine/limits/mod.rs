//! Every limit of a call: at it the call goes on, one beyond it ends.

mod files;
mod state;

use crate::engine::fixture::{Fixture, message};
use crate::engine::lookups::FakeLookups;
use agent_factory::config::Limits;
use agent_factory::domain::{
    File, HistoryMessage, LimitExceeded, LimitName, MemoryHit, Part, ReceiptOutcome,
};
use agent_factory::engine::{Grants, TurnFailure};
use std::sync::Arc;

async fn with(limits: Limits) -> Fixture {
    Fixture::new(limits).await
}

async fn assert_exhausted(fixture: &Fixture, text: &str, limit: LimitName, value: u64) {
    let end = fixture.turn(text).await;
    let Err(TurnFailure::Exhausted(why)) = end.outcome else {
        panic!("{text}: {:?}", end.outcome);
    };
    assert_eq!(why, LimitExceeded { limit, value }, "{text}");
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::Exhausted);
    assert_eq!(end.receipts[0].ended_by, Some(why), "{text}");
}

#[tokio::test]
async fn memory_of_the_engine() {
    let fixture = with(Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    })
    .await;
    assert_exhausted(&fixture, "hoard", LimitName::MemoryBytes, 8 << 20).await;
    let end = fixture.turn("hoard").await;
    let peak = end.receipts[0].memory_peak_bytes;
    assert!(peak <= 8 << 20 && peak > 6 << 20, "{peak}");
}

#[tokio::test]
async fn memory_of_a_tool() {
    let fixture = with(Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    })
    .await;
    let within = fixture
        .reply(r#"tool hostile__hold_memory {"n":5000000}"#)
        .await;
    assert_eq!(within, "call-1: ok 5000000");
    let beyond = fixture
        .reply(r#"tool hostile__hold_memory {"n":9000000}"#)
        .await;
    assert!(
        beyond.contains("Exhausted") && beyond.contains("memory_bytes"),
        "{beyond}"
    );
}

#[tokio::test]
async fn processor_time() {
    let fixture = with(Limits {
        turn_cpu_ms: 100,
        ..Limits::default()
    })
    .await;
    assert_exhausted(&fixture, "spin", LimitName::TurnCpuMs, 100).await;
}

#[tokio::test]
async fn processor_time_of_tools_is_not_the_engines() {
    let limits = Limits {
        turn_cpu_ms: 1_000,
        tool_cpu_ms: 1_200,
        ..Limits::default()
    };
    let fixture = with(limits).await;
    let end = fixture.turn("tool hostile__spin {}").await;
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(reply.contains("tool_cpu_ms"), "{reply}");
    assert!(end.receipts[1].cpu_us > 1_200_000);
    assert!(end.receipts[0].cpu_us < end.receipts[1].cpu_us);
}

#[tokio::test]
async fn wall_clock() {
    let fixture = with(Limits {
        turn_ms: 200,
        ..Limits::default()
    })
    .await;
    assert_exhausted(&fixture, "sleep", LimitName::TurnMs, 200).await;
    let fixture = with(Limits {
        tool_ms: 200,
        ..Limits::default()
    })
    .await;
    let reply = fixture.reply("tool hostile__sleep {}").await;
    assert!(
        reply.contains("Exhausted") && reply.contains("(tool_ms)"),
        "{reply}"
    );
}

#[tokio::test]
async fn host_calls() {
    let fixture = with(Limits {
        host_calls: 10,
        ..Limits::default()
    })
    .await;
    let end = fixture.turn("call-host 10").await;
    assert!(end.outcome.is_ok(), "{:?}", end.outcome);
    assert_eq!(end.receipts[0].host_calls, 10);
    assert_exhausted(&fixture, "call-host 11", LimitName::HostCalls, 10).await;
    // Two more to learn which tool it is, and its arguments.
    let within = fixture.reply(r#"tool hostile__call_host {"n":8}"#).await;
    assert!(within.contains("ok called"), "{within}");
    let beyond = fixture.reply(r#"tool hostile__call_host {"n":9}"#).await;
    assert!(beyond.contains("host_calls"), "{beyond}");
}

#[tokio::test]
async fn bytes_of_one_host_call() {
    let fixture = with(Limits {
        host_call_bytes: 10_000,
        ..Limits::default()
    })
    .await;
    let within = fixture.reply(r#"tool hostile__big_call {"n":9000}"#).await;
    assert!(within.contains("ok logged"), "{within}");
    let beyond = fixture.reply(r#"tool hostile__big_call {"n":10001}"#).await;
    assert!(beyond.contains("host_call_bytes"), "{beyond}");
}

#[tokio::test]
async fn handles() {
    let fixture = with(Limits {
        handles: 50,
        ..Limits::default()
    })
    .await;
    let within = fixture
        .reply(r#"tool hostile__many_handles {"n":40}"#)
        .await;
    assert!(within.contains("ok 40 handles"), "{within}");
    let beyond = fixture
        .reply(r#"tool hostile__many_handles {"n":51}"#)
        .await;
    assert!(beyond.contains("50 resources (handles)"), "{beyond}");
}

#[tokio::test]
async fn tool_rounds() {
    let fixture = with(Limits {
        tool_rounds: 3,
        ..Limits::default()
    })
    .await;
    let within = fixture.reply("rounds 3 hostile__echo").await;
    assert!(within.ends_with("left 0"), "{within}");
    // The turn goes on, so that the engine can conclude with what it has.
    let beyond = fixture.turn("rounds 4 hostile__echo").await;
    assert_eq!(beyond.receipts.len(), 4, "the engine and three tools");
    let reply = beyond.outcome.unwrap().reply.unwrap().text;
    assert!(
        reply.contains("3 batches of tools (tool_rounds)"),
        "{reply}"
    );
}

#[tokio::test]
async fn tool_batch() {
    let fixture = with(Limits {
        tool_batch: 3,
        tool_slots: 2,
        ..Limits::default()
    })
    .await;
    let within = fixture.turn("batch 3 hostile__echo").await;
    assert_eq!(
        within.receipts.len(),
        4,
        "more tools than slots wait for each other"
    );
    let reply = within.outcome.unwrap().reply.unwrap().text;
    assert_eq!(reply, "call-0: ok {} | call-1: ok {} | call-2: ok {}");
    let beyond = fixture.turn("batch 4 hostile__echo").await;
    assert_eq!(beyond.receipts.len(), 4, "the fourth does not run");
    let reply = beyond.outcome.unwrap().reply.unwrap().text;
    assert!(reply.contains("call-2: ok {}"), "{reply}");
    assert!(
        reply.contains("more than 3 tools in one batch (tool_batch)"),
        "{reply}"
    );
}

#[tokio::test]
async fn tool_output() {
    let fixture = with(Limits {
        // The bytes, and 64 for the piece of output that they are.
        tool_output_bytes: 1_064,
        ..Limits::default()
    })
    .await;
    let end = fixture.turn(r#"tool hostile__big_output {"n":1000}"#).await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Ok);
    let end = fixture.turn(r#"tool hostile__big_output {"n":1001}"#).await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Exhausted);
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(
        reply.contains("1065 bytes, more than 1064 (tool_output_bytes)"),
        "{reply}"
    );
    let huge = fixture
        .reply(r#"tool hostile__big_output {"n":20000000}"#)
        .await;
    assert!(huge.contains("host_call_bytes"), "never copied: {huge}");
}

#[tokio::test]
async fn time_left_of_a_tool() {
    let left = |limits: Limits| async {
        let fixture = with(limits).await;
        let reply = fixture.reply("tool hostile__time_left {}").await;
        let left = reply.strip_prefix("call-1: ok ").map(str::parse::<u64>);
        left.unwrap().unwrap()
    };
    let tool = left(Limits {
        tool_ms: 20_000,
        ..Limits::default()
    });
    assert!((1..=20_000).contains(&tool.await));
    let turn = left(Limits {
        turn_ms: 10_000,
        tool_ms: 20_000,
        ..Limits::default()
    });
    assert!(
        (1..=10_000).contains(&turn.await),
        "no more than the turn has"
    );
}

#[tokio::test]
async fn the_id_of_a_tool_request() {
    let fixture = with(Limits::default()).await;
    let within = fixture.reply("tool-id 256").await;
    assert!(within.starts_with("Some(Ok("), "{within}");
    let beyond = fixture.reply("tool-id 257").await;
    assert!(beyond.contains("at most 256 bytes, not 257"), "{beyond}");
}

#[tokio::test]
async fn the_log_of_a_turn() {
    // A line counts for its text and 40 bytes.
    let fixture = with(Limits {
        log_bytes: 2 * (1_000 + 40),
        ..Limits::default()
    })
    .await;
    let logs = |bytes| format!(r#"batch 3 hostile__big_call {{"n":{bytes}}}"#);
    let end = fixture.turn(&logs(1_000)).await;
    let kept: usize = end.receipts.iter().map(|receipt| receipt.log.len()).sum();
    let dropped: u32 = end.receipts.iter().map(|receipt| receipt.log_dropped).sum();
    assert_eq!((kept, dropped), (2, 1), "three calls share the bytes");
    let end = fixture.turn(&logs(1_001)).await;
    let kept: usize = end.receipts.iter().map(|receipt| receipt.log.len()).sum();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn the_text_of_a_failure_is_cut_and_shows_no_control_character() {
    let fixture = with(Limits::default()).await;
    // U+FFFD has three bytes, and the escape it stands for has one.
    for (bytes, kept) in [(2_045, 2_045), (2_046, 2_045), (1 << 20, 2_045)] {
        let end = fixture.turn(&format!("hold-long {bytes}")).await;
        let text = format!("\u{fffd}{}", "x".repeat(kept));
        assert!(end.outcome == Err(TurnFailure::Hold(text)), "{bytes} bytes");
    }
}
