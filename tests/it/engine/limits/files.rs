//! What a turn answers with: replies and their files, and blobs on the way there.

use super::*;

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
