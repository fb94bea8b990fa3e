//! What a turn gives, and how it may end.

use super::fixture::{Fixture, hostile_engine, message};
use super::lookups::FakeLookups;
use agent_factory::config::Limits;
use agent_factory::domain::{Invocation, KvOwner, KvScope, Part, ReceiptOutcome, Role};
use agent_factory::engine::{LookupError, TurnFailure};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_turn_gives_its_reply_its_history_and_a_receipt() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn("echo hello").await;
    let overlay = end.outcome.unwrap();
    assert_eq!(overlay.reply.unwrap().text, "hello");
    assert_eq!(overlay.history.len(), 1);
    assert_eq!(overlay.history[0].role, Role::Assistant);
    assert_eq!(overlay.history[0].at, None, "when is the database's to say");
    assert_eq!(overlay.history[0].parts, [Part::Text("hello".to_owned())]);
    let [receipt] = end.receipts.as_slice() else {
        panic!("one invocation, one receipt");
    };
    assert_eq!(receipt.invocation, Invocation::Engine);
    assert_eq!(receipt.component, hostile_engine().artifact.component);
    assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    assert_eq!(receipt.host_calls, 3, "input, append, reply");
    assert!(receipt.memory_peak_bytes >= 64 << 10);
    assert!(receipt.duration_us >= receipt.cpu_us && receipt.cpu_us > 0);
}

#[tokio::test]
async fn a_turn_without_a_reply_is_silent() {
    let fixture = Fixture::new(Limits::default()).await;
    let overlay = fixture.turn("silent").await.outcome.unwrap();
    assert_eq!(overlay, agent_factory::engine::Overlay::default());
}

#[tokio::test]
async fn an_engine_sees_the_bundle() {
    let mut fixture = Fixture::new(Limits::default()).await;
    let text = fixture.reply("describe").await;
    assert_eq!(
        text,
        "msg_1 attempt 1 mode Mode::Main prompt [\"SOUL.md\"] tools 34 rounds 16 tokens 8192 in time true"
    );
    fixture.history = ["one", "two", "three"].map(message).to_vec();
    assert_eq!(fixture.reply("history 2").await, "two,three|one");
    assert_eq!(fixture.reply("history 3").await, "one,two,three");
    assert_eq!(fixture.reply("models").await, "0");
}

#[tokio::test]
async fn an_engine_says_what_should_happen_next() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn("hold the key is bad").await;
    assert_eq!(
        end.outcome,
        Err(TurnFailure::Hold("the key is bad".to_owned()))
    );
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::GuestError);
    let end = fixture.turn("permanent no").await;
    assert_eq!(end.outcome, Err(TurnFailure::Permanent("no".to_owned())));
    let end = fixture.turn("overflow").await;
    assert_eq!(end.outcome, Err(TurnFailure::ContextOverflow));
    let end = fixture.turn("retry busy").await;
    let after = Duration::from_secs(2);
    let reason = "busy".to_owned();
    assert_eq!(end.outcome, Err(TurnFailure::RetryAfter { after, reason }));
}

#[tokio::test]
async fn a_trap_carries_the_guests_own_words() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn("trap").await;
    let Err(TurnFailure::Trap(text)) = end.outcome else {
        panic!("{:?}", end.outcome);
    };
    assert!(text.contains("told to trap"), "{text}");
    assert!(text.contains("unreachable"), "{text}");
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::Trap);
    let last = end.receipts[0]
        .log
        .iter()
        .any(|line| line.text.contains("told to trap"));
    assert!(last, "the receipt has it too: {:?}", end.receipts[0].log);
}

#[tokio::test]
async fn an_opaque_part_that_is_not_json_is_not_appended() {
    let fixture = Fixture::new(Limits::default()).await;
    let overlay = fixture.turn("append-bad-json").await.outcome.unwrap();
    assert!(overlay.history.is_empty());
    let text = overlay.reply.unwrap().text;
    assert_eq!(text, "refused: an opaque part is not JSON");
}

#[tokio::test]
async fn misuse_of_the_host_ends_the_turn_and_says_how() {
    let fixture = Fixture::new(Limits::default()).await;
    assert!(
        fixture
            .failure("bad-cursor")
            .await
            .contains("cursor it was not given")
    );
}

#[tokio::test]
async fn conversation_keys_are_read_back_at_once_and_stored_with_the_turn() {
    let mut fixture = Fixture::new(Limits::default()).await;
    let engine = KvOwner(None);
    fixture.lookups =
        Arc::new(FakeLookups::default().with(&engine, KvScope::Conversation, "stored", 7));
    let end = fixture.turn("key-value").await;
    let overlay = end.outcome.unwrap();
    let steps = [
        "Ok(Some(7))",
        "Err(Error::Conflict(7))",
        "Ok(8)",
        "Ok(Some(8))",
        "Ok(1)",
        "Err(Error::Conflict(1))",
        "Ok(())",
        "Ok(None)",
        "Ok(9)",
        "Ok(())",
        "Ok([\"stored\"])",
        "Ok(1)",
    ];
    assert_eq!(overlay.reply.unwrap().text, steps.join("; "));
    let writes: Vec<_> = overlay
        .kv
        .iter()
        .map(|write| {
            (
                write.key.as_str(),
                write.entry.as_ref().map(|entry| entry.version),
            )
        })
        .collect();
    assert_eq!(writes, [("fresh", None), ("stored", Some(9))]);
    let stored = fixture.lookups.stored.lock().unwrap();
    let owner = (
        String::new(),
        "Conversation".to_owned(),
        "stored".to_owned(),
    );
    assert_eq!(
        stored[&owner].version, 7,
        "nothing is stored before the turn completes"
    );
    let owner = (String::new(), "Agent".to_owned(), "shared".to_owned());
    assert_eq!(
        stored[&owner].value, b"now",
        "the agent's scope is written at once"
    );
}

#[tokio::test]
async fn the_same_write_of_a_repeated_turn_has_the_same_name() {
    let fixture = Fixture::new(Limits::default()).await;
    fixture.reply("key-value").await;
    fixture.reply("key-value").await;
    let calls = fixture.lookups.calls.lock().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn memory_lines_are_kept_with_the_turn() {
    let fixture = Fixture::new(Limits::default()).await;
    let overlay = fixture.turn("remember likes tea").await.outcome.unwrap();
    assert_eq!(overlay.memory, ["likes tea"]);
}

#[tokio::test]
async fn a_nul_is_refused_in_a_key_and_replaced_in_a_text() {
    let fixture = Fixture::new(Limits::default()).await;
    let overlay = fixture.turn("nul").await.outcome.unwrap();
    let text = "Err(Error::Other(\"a key must not have a NUL character\")) true nul: \u{fffd}";
    assert_eq!(overlay.reply.unwrap().text, text);
    assert_eq!(overlay.history[0].parts, [Part::Text(text.to_owned())]);
    assert_eq!(overlay.memory, ["tea\u{fffd}"]);
    assert!(overlay.kv.is_empty());
}

#[tokio::test]
async fn a_lost_lease_ends_the_turn_whoever_finds_it() {
    let mut fixture = Fixture::new(Limits::default()).await;
    fixture.lookups = Arc::new(FakeLookups::failing(LookupError::LeaseLost));
    let end = fixture.turn("key-value").await;
    assert_eq!(end.outcome, Err(TurnFailure::LeaseLost));
    assert_eq!(end.receipts[0].outcome, ReceiptOutcome::Cancelled);
    fixture.grants.kv_agent = true;
    let end = fixture.turn("tool hostile__count_agent {}").await;
    assert_eq!(end.outcome, Err(TurnFailure::LeaseLost));
    assert_eq!(end.receipts.len(), 2);
}

#[tokio::test]
async fn an_unavailable_lookup_is_the_guests_to_handle() {
    let mut fixture = Fixture::new(Limits::default()).await;
    let failure = LookupError::Unavailable("no route".to_owned());
    fixture.lookups = Arc::new(FakeLookups::failing(failure));
    let text = fixture.reply("key-value").await;
    assert!(
        text.contains("Error::Other(\"the control plane could not be asked: no route\")"),
        "{text}"
    );
}
