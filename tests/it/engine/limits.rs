//! Every limit of a call: at it the call goes on, one beyond it ends.

use super::fixture::{Fixture, message};
use super::lookups::FakeLookups;
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
async fn appended_messages() {
    let fixture = with(Limits {
        append_messages: 5,
        ..Limits::default()
    })
    .await;
    let overlay = fixture.turn("append 5").await.outcome.unwrap();
    assert_eq!(overlay.history.len(), 5);
    // The turn goes on, and says what was refused.
    let beyond = fixture.turn("append 6").await.outcome.unwrap();
    assert_eq!(beyond.history.len(), 5);
    assert_eq!(
        beyond.reply.unwrap().text,
        "refused: one turn appends at most 5 messages to the history (append_messages)"
    );
}

#[tokio::test]
async fn appended_bytes() {
    let fixture = with(Limits {
        // The bytes, and 64 each for the message and its part.
        append_bytes: 1_128,
        ..Limits::default()
    })
    .await;
    assert!(fixture.turn("append-bytes 1000").await.outcome.is_ok());
    let beyond = fixture.turn("append-bytes 1001").await.outcome.unwrap();
    assert!(beyond.history.is_empty());
    assert_eq!(
        beyond.reply.unwrap().text,
        "refused: one turn appends at most 1128 bytes to the history, and this would make 1129 \
         (append_bytes)"
    );
}

#[tokio::test]
async fn reply_bytes() {
    let fixture = with(Limits {
        reply_bytes: 100,
        ..Limits::default()
    })
    .await;
    assert_eq!(fixture.reply("reply-bytes 100").await.len(), 100);
    assert_eq!(
        fixture.reply("reply-bytes 101").await,
        "refused: the reply has 101 bytes, more than 100 (reply_bytes)"
    );
}

#[tokio::test]
async fn keys_and_values() {
    let limits = Limits {
        kv_keys: 3,
        kv_key_bytes: 9,
        ..Limits::default()
    };
    let mut fixture = with(limits).await;
    fixture.grants = Grants::all();
    let within = fixture.reply(r#"tool hostile__fill_keys {"n":3}"#).await;
    assert!(within.contains("ok 3 keys"), "{within}");
    let beyond = fixture.reply(r#"tool hostile__fill_keys {"n":4}"#).await;
    assert!(
        beyond.contains("no more than 3 keys in one conversation (kv_keys)"),
        "{beyond}"
    );
    let limits = Limits {
        kv_key_bytes: 8,
        ..Limits::default()
    };
    let mut fixture = with(limits).await;
    fixture.grants = Grants::all();
    let beyond = fixture.reply(r#"tool hostile__fill_keys {"n":1}"#).await;
    assert!(
        beyond.contains("1 to 8 bytes (kv_key_bytes), not 9"),
        "{beyond}"
    );
    let limits = Limits {
        kv_value_bytes: 1,
        ..Limits::default()
    };
    let mut fixture = with(limits).await;
    fixture.grants = Grants::all();
    let within = fixture.reply("tool hostile__count_agent {}").await;
    assert!(within.contains("ok 1 at version 1"), "{within}");
    let limits = Limits {
        kv_value_bytes: 0,
        ..Limits::default()
    };
    let mut fixture = with(limits).await;
    fixture.grants = Grants::all();
    let beyond = fixture.reply("tool hostile__count_agent {}").await;
    assert!(
        beyond.contains("at most 0 bytes (kv_value_bytes), not 1"),
        "{beyond}"
    );
}

#[tokio::test]
async fn more_keys_than_a_page_are_listed_in_pages() {
    let mut fixture = with(Limits::default()).await;
    fixture.grants = Grants::all();
    let reply = fixture.reply(r#"tool hostile__fill_keys {"n":250}"#).await;
    assert!(reply.contains("ok 250 keys"), "{reply}");
}

#[tokio::test]
async fn appended_memory() {
    let fixture = with(Limits {
        memory_append_bytes: 9,
        ..Limits::default()
    })
    .await;
    assert_eq!(fixture.reply("remember 123456789").await, "Ok(())");
    let beyond = fixture.reply("remember 1234567890").await;
    assert!(
        beyond.contains("at most 9 bytes to the memory (memory_append_bytes)"),
        "{beyond}"
    );
}

#[tokio::test]
async fn hits_of_a_memory_search() {
    let hit = |line| MemoryHit {
        path: "MEMORY.md".parse().unwrap(),
        line,
        text: "a blue door".to_owned(),
        score: 1.0,
    };
    let limits = Limits {
        memory_hits: 2,
        ..Limits::default()
    };
    let mut fixture = with(limits).await;
    fixture.grants = Grants::all();
    fixture.lookups = Arc::new(FakeLookups {
        hits: [1, 2, 3].map(hit).to_vec(),
        ..FakeLookups::default()
    });
    let reply = fixture.reply("tool hostile__note {}").await;
    let (_, hits) = reply.split_once("--\n").unwrap();
    assert_eq!(
        hits, "memory/2026-11-22.md:1 the blue door is open\nMEMORY.md:1 a blue door",
        "two at most, the turn's own line first"
    );
}

#[tokio::test]
async fn empty_parts_are_not_free() {
    let fixture = with(Limits {
        append_bytes: 64 + 10 * 64,
        ..Limits::default()
    })
    .await;
    assert!(fixture.turn("append-empty 10").await.outcome.is_ok());
    let beyond = fixture.reply("append-empty 11").await;
    assert!(beyond.contains("(append_bytes)"), "{beyond}");
}

#[tokio::test]
async fn files_of_a_reply() {
    let fixture = with(Limits {
        reply_bytes: 16 * (200 + 3),
        ..Limits::default()
    })
    .await;
    let overlay = fixture.turn("reply-files 16 200").await.outcome.unwrap();
    assert_eq!(overlay.reply.unwrap().files.len(), 16);
    let beyond = fixture.reply("reply-files 17 1").await;
    assert!(beyond.ends_with("17 files, more than 16"), "{beyond}");
    let beyond = fixture.reply("reply-files 1 201").await;
    assert!(beyond.ends_with("201 bytes, more than 200"), "{beyond}");
    let fixture = with(Limits {
        reply_bytes: 16 * (200 + 3) - 1,
        ..Limits::default()
    })
    .await;
    let beyond = fixture.reply("reply-files 16 200").await;
    assert!(beyond.ends_with("(reply_bytes)"), "{beyond}");
}

#[tokio::test]
async fn contents_of_the_files_of_a_reply() {
    let fixture = with(Limits {
        reply_file_bytes: 3_000,
        ..Limits::default()
    })
    .await;
    let overlay = fixture.turn("reply-file-bytes 3 1000").await;
    let reply = overlay.outcome.unwrap().reply.unwrap();
    let sizes: Vec<usize> = reply.files.iter().map(|file| file.bytes.len()).collect();
    assert_eq!(sizes, [1_000; 3], "handles of one blob count each");
    let beyond = fixture.reply("reply-file-bytes 3 1001").await;
    assert_eq!(
        beyond,
        "refused: the files of the reply have 3003 bytes, more than 3000 (reply_file_bytes)"
    );
}

#[tokio::test]
async fn files_of_a_message() {
    let fixture = with(Limits {
        // A file has 64 for the part, 3 for its type, and its contents.
        append_bytes: 64 + 2 * (64 + 3 + 1_000),
        ..Limits::default()
    })
    .await;
    let overlay = fixture.turn("append-files 2 1000").await.outcome.unwrap();
    assert_eq!(overlay.history[0].parts.len(), 2);
    let beyond = fixture.reply("append-files 2 1001").await;
    assert!(beyond.contains("(append_bytes)"), "{beyond}");
    let fixture = with(Limits::default()).await;
    let overlay = fixture.turn("append-files 64 1").await.outcome.unwrap();
    assert_eq!(overlay.history[0].parts.len(), 64);
    let beyond = fixture.reply("append-files 65 1").await;
    assert_eq!(beyond, "refused: the message has 65 files, more than 64");
}

#[tokio::test]
async fn files_of_a_tool() {
    let fixture = with(Limits {
        // 64 for the piece, 3 for its type, and the contents.
        tool_output_bytes: 64 + 3 + 1_000,
        ..Limits::default()
    })
    .await;
    let within = fixture.reply(r#"tool hostile__big_file {"n":1000}"#).await;
    assert_eq!(within, "call-1: ok 1000 bytes");
    let beyond = fixture.reply(r#"tool hostile__big_file {"n":1001}"#).await;
    assert!(beyond.contains("(tool_output_bytes)"), "{beyond}");
    let fixture = with(Limits::default()).await;
    let end = fixture.turn(r#"tool hostile__many_files {"n":64}"#).await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Ok);
    let end = fixture.turn(r#"tool hostile__many_files {"n":65}"#).await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::Exhausted);
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(reply.contains("65 files, more than 64"), "{reply}");
}

#[tokio::test]
async fn blobs_that_a_call_holds() {
    let fixture = with(Limits {
        blob_bytes: 2_000_000,
        ..Limits::default()
    })
    .await;
    assert_eq!(fixture.reply("blobs 2").await, "2 blobs");
    assert_exhausted(&fixture, "blobs 3", LimitName::BlobBytes, 2_000_000).await;
    let dropped = fixture.reply("blobs-dropped 5").await;
    assert_eq!(
        dropped, "5000000 bytes",
        "what is given back does not count"
    );
}

#[tokio::test]
async fn one_read_of_a_blob() {
    let fixture = with(Limits::default()).await;
    assert_eq!(fixture.reply("read-blob 0 10").await, "0123456789");
    assert_eq!(fixture.reply("read-blob 8 10").await, "89");
    assert_eq!(fixture.reply("read-blob 10 10").await, "");
    assert_eq!(
        fixture
            .reply("read-blob 18446744073709551615 4294967295")
            .await,
        ""
    );
}

#[tokio::test]
async fn a_page_of_the_history_brings_handles_and_no_contents() {
    let mut fixture = with(Limits {
        host_call_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let attachment = |size: usize| HistoryMessage {
        parts: vec![Part::File(File {
            name: None,
            media_type: "image/png".to_owned(),
            bytes: vec![7; size].into(),
        })],
        ..message("")
    };
    fixture.history = vec![attachment(5_000_000), attachment(3_000_000)];
    let end = fixture.turn("history-files").await;
    // Far more than one call may carry, and than the guest could hold.
    assert_eq!(
        end.outcome.unwrap().reply.unwrap().text,
        "[5000000, 3000000] read Some(100000)"
    );
    assert!(end.receipts[0].memory_peak_bytes < 3_000_000);
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
async fn keys_and_bytes_that_one_turn_writes() {
    for (limits, name) in [
        (
            Limits {
                overlay_entries: 3,
                ..Limits::default()
            },
            "(overlay_entries)",
        ),
        (
            Limits {
                // Three keys of nine bytes with a value of one.
                overlay_bytes: 30,
                ..Limits::default()
            },
            "(overlay_bytes)",
        ),
    ] {
        let mut fixture = with(limits).await;
        fixture.grants = Grants::all();
        let within = fixture.reply(r#"tool hostile__fill_keys {"n":3}"#).await;
        assert!(within.contains("ok 3 keys"), "{within}");
        let beyond = fixture.reply(r#"tool hostile__fill_keys {"n":4}"#).await;
        assert!(beyond.contains(name), "{beyond}");
        let overlay = fixture.turn("churn 100").await.outcome.unwrap();
        assert_eq!(overlay.kv.len(), 1, "one key counts once");
    }
}

#[tokio::test]
async fn a_page_of_history_is_bounded_by_bytes() {
    let mut fixture = with(Limits {
        host_call_bytes: 10_000,
        ..Limits::default()
    })
    .await;
    // With 64 bytes each for the message and its part, two fill half of what a call may carry.
    fixture.history = vec![message(&"x".repeat(5_000 / 2 - 128)); 3];
    let pages = fixture.turn("history 10").await.outcome.unwrap();
    let pages = pages.reply.unwrap().text;
    let sizes: Vec<usize> = pages
        .split('|')
        .map(|page| page.split(',').count())
        .collect();
    assert_eq!(sizes, [2, 1]);
    fixture.history = vec![message(&"x".repeat(5_000 / 2 - 127)); 3];
    let pages = fixture.turn("history 10").await.outcome.unwrap();
    assert_eq!(pages.reply.unwrap().text.split('|').count(), 3);
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
