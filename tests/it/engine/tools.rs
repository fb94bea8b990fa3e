//! Tools as an engine calls them.

use super::fixture::Fixture;
use super::lookups::FakeLookups;
use agent_factory::config::Limits;
use agent_factory::domain::{Invocation, ReceiptOutcome};
use agent_factory::engine::Grants;
use std::sync::Arc;

#[tokio::test]
async fn a_tool_answers_and_leaves_a_receipt() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn(r#"tool hostile__echo {"text":"hi"}"#).await;
    assert_eq!(
        end.outcome.unwrap().reply.unwrap().text,
        r#"call-1: ok {"text":"hi"}"#
    );
    let [engine, tool] = end.receipts.as_slice() else {
        panic!("two invocations, two receipts");
    };
    assert_eq!(engine.invocation, Invocation::Engine);
    let invocation = Invocation::Tool {
        skill: "hostile".parse().unwrap(),
        tool: "echo".parse().unwrap(),
    };
    assert_eq!(
        (&tool.invocation, tool.outcome),
        (&invocation, ReceiptOutcome::Ok)
    );
    assert_eq!(tool.component, fixture.skill.digest());
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_shown_to_the_model() {
    let limits = Limits {
        tool_argument_bytes: 20,
        ..Limits::default()
    };
    let fixture = Fixture::new(limits).await;
    let unknown = fixture.reply("tool nobody__echo {}").await;
    assert!(
        unknown.contains("InvalidArguments(\"there is no tool"),
        "{unknown}"
    );
    let json = fixture.reply("tool hostile__echo {").await;
    assert!(
        json.contains("InvalidArguments(\"the arguments are not JSON"),
        "{json}"
    );
    let schema = fixture.reply(r#"tool hostile__echo {"n":"one"}"#).await;
    assert!(
        schema.contains("InvalidArguments(\"at /n: \\\"one\\\" is not of type"),
        "{schema}"
    );
    let at = fixture
        .reply(r#"tool hostile__echo {"text":"123456789"}"#)
        .await;
    assert!(at.contains("ok"), "{at}");
    let beyond = fixture
        .reply(r#"tool hostile__echo {"text":"1234567890"}"#)
        .await;
    assert!(beyond.contains("tool_argument_bytes"), "{beyond}");
    let twice = fixture.reply("twice").await;
    assert!(
        twice.starts_with("same: ok {} | same: ToolError::InvalidArguments"),
        "{twice}"
    );
}

#[tokio::test]
async fn a_tools_own_errors_reach_the_engine_as_they_are() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn("tool hostile__fail {}").await;
    assert_eq!(end.receipts[1].outcome, ReceiptOutcome::GuestError);
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert_eq!(reply, "call-1: ToolError::Failed(\"as I was told\")");
    let retry = fixture.reply("tool hostile__retry {}").await;
    assert!(retry.contains("milliseconds: 1500"), "{retry}");
    let json = fixture.reply("tool hostile__bad_json {}").await;
    assert!(json.contains("structured output is not JSON"), "{json}");
}

#[tokio::test]
async fn a_tool_that_breaks_is_a_failure_and_the_turn_goes_on() {
    let fixture = Fixture::new(Limits::default()).await;
    for (tool, failure, outcome) in [
        ("trap", "told to trap", ReceiptOutcome::Trap),
        ("exit", "ended itself", ReceiptOutcome::Trap),
        // The stack of a Rust guest lies below its data, and runs out at address 0.
        (
            "recurse",
            "out of bounds memory access",
            ReceiptOutcome::Trap,
        ),
        ("hoard", "memory_bytes", ReceiptOutcome::Exhausted),
        ("chatter", "host_calls", ReceiptOutcome::Exhausted),
    ] {
        let end = fixture.turn(&format!("tool hostile__{tool} {{}}")).await;
        let reply = end.outcome.unwrap().reply.unwrap().text;
        assert!(reply.contains(failure), "{tool}: {reply}");
        assert_eq!(end.receipts[1].outcome, outcome, "{tool}");
    }
    let fixture = Fixture::new(Limits {
        tool_cpu_ms: 200,
        ..Limits::default()
    })
    .await;
    let spun = fixture.reply("tool hostile__spin {}").await;
    assert!(
        spun.contains("Exhausted") && spun.contains("(tool_cpu_ms)"),
        "{spun}"
    );
}

#[tokio::test]
async fn a_key_is_the_same_for_every_attempt_and_another_for_every_call() {
    let fixture = Fixture::new(Limits::default()).await;
    let first = fixture.reply("rounds 2 hostile__key").await;
    let mut input = fixture.input("rounds 2 hostile__key");
    input.attempt = 2;
    let second = fixture.host.run_turn(&fixture.engine, input).await;
    assert_eq!(second.outcome.unwrap().reply.unwrap().text, first);
    let (one, two) = first.split_once("; ").unwrap();
    assert_ne!(one, two.split_once(" left").unwrap().0);
}

#[tokio::test]
async fn a_denial_names_the_line_to_add() {
    let fixture = Fixture::new(Limits::default()).await;
    let end = fixture.turn("tool hostile__peek_key_value {}").await;
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert_eq!(
        reply,
        "call-1: ok agent denied: true, conversation denied: true, memory denied: true, append denied: true"
    );
    let log: Vec<&str> = end.receipts[1]
        .log
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    for line in [
        r#"key-value = ["agent"]"#,
        r#"key-value = ["conversation"]"#,
        r#"memory = ["read"]"#,
        r#"memory = ["append"]"#,
    ] {
        assert!(
            log.iter().any(|text| text.ends_with(line)),
            "{line}: {log:?}"
        );
    }
}

#[tokio::test]
async fn a_granted_skill_counts_in_its_own_keys() {
    let mut fixture = Fixture::new(Limits::default()).await;
    fixture.grants = Grants::all();
    let reply = fixture.reply("rounds 3 hostile__count_conversation").await;
    assert!(reply.contains("ok 3 at version 3"), "{reply}");
    let reply = fixture.reply("rounds 1 hostile__count_conversation").await;
    assert!(
        reply.contains("ok 1 at version 1"),
        "the turns before were not stored: {reply}"
    );
    fixture.reply("rounds 1 hostile__count_agent").await;
    let stored = fixture.lookups.stored.lock().unwrap();
    let keys: Vec<_> = stored.keys().collect();
    let place = ("hostile".to_owned(), "Agent".to_owned(), "count".to_owned());
    assert_eq!(keys, [&place]);
}

#[tokio::test]
async fn appended_memory_is_read_and_found_at_once() {
    let mut fixture = Fixture::new(Limits::default()).await;
    fixture.grants = Grants::all();
    let note = "memory/2026-11-22.md".to_owned();
    fixture.lookups = Arc::new(FakeLookups {
        documents: [(note, "first line".to_owned())].into(),
        ..FakeLookups::default()
    });
    let end = fixture.turn("tool hostile__note {}").await;
    let overlay = end.outcome.unwrap();
    assert_eq!(
        overlay.reply.unwrap().text,
        "call-1: ok first line\nthe blue door is open\n--\nmemory/2026-11-22.md:2 the blue door is open"
    );
    assert_eq!(overlay.memory, ["the blue door is open"]);
}

#[tokio::test]
async fn a_guest_sees_nothing_of_the_machine() {
    let fixture = Fixture::new(Limits::default()).await;
    let reply = fixture.reply("tool hostile__look_around {}").await;
    assert_eq!(
        reply,
        "call-1: ok variables 0, arguments 0, root false, file false, socket false, bound false, input 0"
    );
}

#[tokio::test]
async fn a_request_without_a_grant_is_denied_and_opens_no_socket() {
    let fixture = Fixture::new(Limits::default()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let end = fixture
        .turn(&format!(r#"tool hostile__http {{"text":"{address}"}}"#))
        .await;
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert_eq!(reply, "call-1: ok ErrorCode::HttpRequestDenied");
    let connection = listener.accept().unwrap_err();
    assert_eq!(connection.kind(), std::io::ErrorKind::WouldBlock);
    let log = &end.receipts[1].log;
    let denial = format!("GET of host {address}, path /secret is not granted");
    assert!(
        log.iter().any(|line| line.text.contains(&denial)),
        "{log:?}"
    );
    assert!(
        log.iter().all(|line| !line.text.contains("hunter2")),
        "a query is not logged"
    );
}

#[tokio::test]
async fn a_panic_message_survives_a_full_log() {
    let fixture = Fixture::new(Limits {
        log_lines: 10,
        ..Limits::default()
    })
    .await;
    let end = fixture.turn(r#"tool hostile__babble {"n":50}"#).await;
    let tool = &end.receipts[1];
    assert_eq!(tool.log.len(), 10);
    assert!(tool.log_dropped >= 41);
    let reply = end.outcome.unwrap().reply.unwrap().text;
    assert!(reply.contains("done babbling"), "{reply}");
}
