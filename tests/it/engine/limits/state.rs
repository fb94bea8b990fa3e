//! What a turn leaves behind: history, keys and values, memory.

use super::*;

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
