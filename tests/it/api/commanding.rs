//! The commands over messages, dead letters, conversations, tenants and workers, as a person types them.

use super::fixture::{claim, give_up};
use agent_factory_tests::api::Client;
use agent_factory_tests::built;
use agent_factory_tests::installation::Installation;
use agent_factory_tests::process::Process;

/// A control plane with an agent `default` of the tenant `acme`, and the operator's token.
async fn plane(installation: &Installation) -> (Process, String) {
    let plane = installation.control_plane().await;
    let operator = plane.token().expect("a first token").to_owned();
    let engine = built::guest("offline").display().to_string();
    for arguments in [
        &["tenant", "create", "acme"][..],
        &["engine", "push", "--shared", &engine],
        &[
            "agent",
            "configure",
            "--tenant",
            "acme",
            "--engine",
            "offline",
        ],
    ] {
        run(&plane, &operator, arguments).await;
    }
    (plane, operator)
}

/// What a command that succeeds says: on stdout, and on stderr.
async fn said(plane: &Process, token: &str, arguments: &[&str]) -> (String, String) {
    let output = plane.command(token, arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    (text(&output.stdout), text(&output.stderr))
}

async fn run(plane: &Process, token: &str, arguments: &[&str]) -> String {
    said(plane, token, arguments).await.0
}

/// What a command that fails says.
async fn refused(plane: &Process, token: &str, arguments: &[&str]) -> String {
    let output = plane.command(token, arguments).await;
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_message_is_found_cancelled_given_up_replayed_and_purged_by_commands() {
    let installation = Installation::sqlite();
    let (mut plane, operator) = plane(&installation).await;
    let arguments = ["token", "create", "--scope", "worker"];
    let worker = run(&plane, &operator, &arguments).await;
    let worker = Client::of(plane.url()).under(&worker);
    let arguments = [
        "token",
        "create",
        "--scope",
        "tenant-admin",
        "--tenant",
        "acme",
    ];
    let token = run(&plane, &operator, &arguments).await;
    let ask = async |arguments: &[&str]| run(&plane, &token, arguments).await;

    let mut sent = Vec::new();
    for conversation in ["a", "a", "b"] {
        let send = [
            "message",
            "send",
            "--tenant",
            "acme",
            "--conversation",
            conversation,
            "hi",
        ];
        sent.push(ask(&send).await);
    }
    let listed = ask(&["message", "list"]).await;
    assert_eq!(listed.lines().count(), 3);
    assert!(listed.starts_with(&sent[0]), "{listed}");
    let listed = said(&plane, &token, &["message", "list", "--limit", "1"]).await;
    assert_eq!(listed.0.lines().count(), 1);
    assert!(listed.1.contains("there are more"), "{}", listed.1);
    let (_, note) = said(&plane, &token, &["message", "cancel", &sent[2]]).await;
    assert_eq!(note, format!("cancelled {}", sent[2]));
    let shown = ask(&["message", "show", &sent[2]]).await;
    assert!(shown.contains("\"status\": \"cancelled\""), "{shown}");
    let send = [
        "message",
        "list",
        "--status",
        "processing",
        "--conversation",
        "a",
    ];
    let error = refused(&plane, &token, &send).await;
    assert!(error.contains("goes with status=queued only"), "{error}");

    give_up(&worker).await;
    let listed = ask(&["dead-letter", "list"]).await;
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.contains("no use"), "{listed}");
    let shown = ask(&["dead-letter", "show", &sent[0]]).await;
    assert!(shown.contains("\"error\": \"no use\""), "{shown}");
    let error = refused(&plane, &token, &["dead-letter", "show", &sent[2]]).await;
    assert!(error.contains("its status is cancelled"), "{error}");
    let error = refused(&plane, &token, &["message", "cancel", &sent[0]]).await;
    assert!(
        error.contains("replay it, or purge it") && error.contains("too_late"),
        "{error}"
    );
    let error = refused(&plane, &token, &["dead-letter", "purge"]).await;
    assert!(error.contains("<ID|--all>"), "{error}");

    ask(&["dead-letter", "replay", &sent[0]]).await;
    give_up(&worker).await;
    let (_, notes) = said(&plane, &token, &["dead-letter", "replay", "--all"]).await;
    assert_eq!(notes, "replayed 2 of 2");
    assert_eq!(claim(&worker, 9).await.len(), 1);
    ask(&["dead-letter", "list"]).await;
    let (_, notes) = said(&plane, &token, &["dead-letter", "purge", "--all"]).await;
    assert_eq!(notes, "the tenant acme has no dead letters");
    plane.terminate().await;
}

#[tokio::test]
async fn a_conversation_and_a_tenant_are_paused_and_bounded_and_a_worker_drained_by_commands() {
    let installation = Installation::sqlite();
    let (mut plane, operator) = plane(&installation).await;
    let arguments = ["token", "create", "--scope", "worker"];
    let worker = run(&plane, &operator, &arguments).await;
    let worker = Client::of(plane.url()).under(&worker);
    let ask = async |arguments: &[&str]| run(&plane, &operator, arguments).await;
    for conversation in ["a", "b", "d"] {
        let send = [
            "message",
            "send",
            "--tenant",
            "acme",
            "--conversation",
            conversation,
            "hi",
        ];
        ask(&send).await;
    }

    let pause = [
        "conversation",
        "pause",
        "a",
        "--tenant",
        "acme",
        "--reason",
        "a person answers",
    ];
    ask(&pause).await;
    ask(&["tenant", "pause", "acme", "--reason", "unpaid"]).await;
    assert!(claim(&worker, 9).await.is_empty());
    let wait = [
        "message",
        "send",
        "--tenant",
        "acme",
        "--conversation",
        "a",
        "--wait",
        "hi",
    ];
    let error = refused(&plane, &operator, &wait).await;
    assert!(
        error.contains("waits until somebody acts: a person answers"),
        "{error}"
    );
    ask(&["tenant", "resume", "acme"]).await;
    ask(&["tenant", "limit", "acme", "1"]).await;
    assert_eq!(claim(&worker, 9).await.len(), 1);
    ask(&["tenant", "limit", "acme", "--default"]).await;
    assert_eq!(claim(&worker, 9).await.len(), 1);
    ask(&["conversation", "resume", "a", "--tenant", "acme"]).await;
    assert_eq!(claim(&worker, 9).await.len(), 1);

    let (_, note) = said(&plane, &operator, &["queue", "drain-worker", "wrk_1"]).await;
    assert!(note.contains("wrk_1 ends"), "{note}");
    let error = refused(&plane, &operator, &["queue", "drain-worker", "wrk_2"]).await;
    assert!(error.contains("there is no such worker"), "{error}");
    let error = refused(&plane, &operator, &["tenant", "limit", "acme", "0"]).await;
    assert!(error.contains("maxInFlight must be 1 to 100000"), "{error}");
    plane.terminate().await;
}

#[tokio::test]
async fn how_far_components_are_compiled_is_shown_by_a_command() {
    let installation = Installation::sqlite();
    let (mut plane, operator) = plane(&installation).await;
    let shown = run(&plane, &operator, &["component", "status"]).await;
    assert_eq!(shown, "1 components: 1 compiled, 0 failed, 0 remaining");
    let shown = run(&plane, &operator, &["component", "status", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let [version] = &shown["versions"].as_array().unwrap()[..] else {
        panic!("{shown}")
    };
    assert_eq!(version["compatibility"], shown["compatibility"]);
    assert_eq!(version["compiled"], 1);
    plane.terminate().await;
}

#[tokio::test]
async fn limits_are_set_and_what_was_spent_is_read_by_commands() {
    let installation = Installation::sqlite();
    let (mut plane, operator) = plane(&installation).await;
    let worker = run(&plane, &operator, &["token", "create", "--scope", "worker"]).await;
    let worker = Client::of(plane.url()).under(&worker);
    let ask = async |arguments: &[&str]| run(&plane, &operator, arguments).await;

    let configure = ["agent", "configure", "--tenant", "acme"];
    let with = |more: &[&'static str]| [&configure[..], more].concat();
    let stored = ask(&with(&[
        "--limit",
        "tool_ms=5000",
        "--limit",
        "host_calls=9",
    ]))
    .await;
    assert!(stored.contains("stored"), "{stored}");
    let again = ask(&with(&[
        "--limit",
        "host_calls=9",
        "--limit",
        "tool_ms=5000",
    ]))
    .await;
    assert!(again.contains("unchanged"), "{again}");
    assert!(ask(&with(&["--no-limits"])).await.contains("stored"));
    for (limit, said) in [
        (
            "tool_ms=0",
            "tool_ms must be 1 to 3600000 milliseconds, not 0",
        ),
        ("tool_ms=soon", "no whole number"),
        ("tool_ms", "no NAME=VALUE"),
        ("handles=4", "no limit that can be set here"),
    ] {
        let error = refused(
            &plane,
            &operator,
            &[&configure[..], &["--limit", limit]].concat(),
        )
        .await;
        assert!(error.contains(said), "{error}");
        let error = refused(&plane, &operator, &["tenant", "cap", "acme", limit]).await;
        assert!(error.contains(said), "{error}");
    }
    let cap = ["tenant", "cap", "acme", "tool_ms=10", "memory_bytes=65536"];
    let (_, note) = said(&plane, &operator, &cap).await;
    assert_eq!(
        note,
        "caps of the tenant acme: tool_ms=10 memory_bytes=65536"
    );
    let (_, note) = said(&plane, &operator, &["tenant", "cap", "acme", "--none"]).await;
    assert_eq!(note, "caps of the tenant acme: none");

    let send = ["message", "send", "--tenant", "acme", "hi"];
    let id = ask(&send).await;
    let lease = claim(&worker, 1).await.remove(0);
    let body = serde_json::json!({ "lease": lease, "receipts": [{
        "invocation": { "kind": "tool", "skill": "dice", "tool": "roll" }, "component": "0".repeat(64),
        "outcome": "exhausted", "endedBy": { "limit": "tool_ms", "value": 10 }, "durationUs": 12, "cpuUs": 3,
        "memoryPeakBytes": 65_536, "hostCalls": 1, "log": [], "logDropped": 0,
    }]});
    worker.post("/v1/worker/give-back", &body).await.expect(204);
    let listed = ask(&["receipt", "list", "--tenant", "acme", "--skill", "dice"]).await;
    assert!(
        listed.contains(&id) && listed.contains("dice/roll"),
        "{listed}"
    );
    assert!(
        listed.contains("exhausted") && listed.ends_with("tool_ms 10"),
        "{listed}"
    );
    let json = ask(&[
        "receipt",
        "list",
        "--tenant",
        "acme",
        "--message",
        &id,
        "--json",
    ])
    .await;
    assert!(json.contains("\"log\": []"), "{json}");
    assert_eq!(
        ask(&["receipt", "list", "--tenant", "acme", "--outcome", "ok"]).await,
        ""
    );
    let usage = ask(&["usage", "--tenant", "acme"]).await;
    assert!(usage.contains("\"toolCalls\": 1"), "{usage}");
    let error = refused(
        &plane,
        &operator,
        &["usage", "--tenant", "acme", "--from", "soon"],
    )
    .await;
    assert!(error.contains("from must be a day"), "{error}");
    plane.terminate().await;
}
