//! SIGSTOP past the lease, then SIGCONT: a worker that knows nothing of the time between.

use super::{double, texts};
use agent_factory_tests::built;
use agent_factory_tests::deployment::Deployment;
use agent_factory_tests::wire::Wire;

/// What the frozen worker is about to do in each of three conversations.
const WRITE: &str = "POST /v1/worker/key-value/set ";
const SEARCH: &str = "POST /v1/worker/memory/search ";
const COMPLETE: &str = "POST /v1/worker/complete ";
/// What it would take along into its sleep: a reply that is another's to deliver.
const DELIVER: &str = "POST /v1/worker/deliveries/claim ";

/// Nothing but the test ends a lease or what waits.
const PATIENT: [(&str, &str); 6] = [
    ("lease.lease_ms", "3600000"),
    ("lease.stale_after_ms", "3600000"),
    ("lease.max_total_ms", "3600000"),
    ("limits.turn_ms", "3600000"),
    ("limits.tool_ms", "3600000"),
    ("worker.request_timeout_ms", "600000"),
];

/// A workspace whose one skill searches the memory.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let skill = folder.path().join("skills/hostile");
    for part in ["scripts", "config"] {
        std::fs::create_dir_all(skill.join(part)).expect("a folder");
    }
    let write = |path: &str, text: &str| std::fs::write(skill.join(path), text).expect("a file");
    write(
        "SKILL.md",
        "---\nname: hostile\ndescription: Searches.\nmetadata:\n  agentfactory.component: \"scripts/hostile.wasm\"\n---\n",
    );
    write(
        "config/capabilities.toml",
        "[capabilities]\nkey-value = [\"agent\", \"conversation\"]\nmemory = [\"read\", \"append\"]\n",
    );
    let component = built::guest("hostile-skill");
    std::fs::copy(component, skill.join("scripts/hostile.wasm")).expect("a component");
    folder
}

#[tokio::test]
async fn a_worker_that_was_frozen_past_its_leases_is_refused_everything_and_stops_those_turns() {
    let double = double().await;
    let Some(deployment) = Deployment::start(&double.url(), &PATIENT).await else {
        return;
    };
    let workspace = workspace();
    deployment.agent("hostile-engine", workspace.path()).await;
    let plane = deployment.control_plane().await;
    let wire = Wire::to(plane.url()).await;
    for operation in [WRITE, SEARCH, COMPLETE, DELIVER] {
        wire.hold(operation);
    }
    // With three turns it is full, and has no claim on the way that would be answered while it sleeps.
    let slots = [("limits.engine_slots", "3")];
    let mut frozen = deployment.worker(&[wire.url()], "frozen", &slots).await;
    deployment.update(&[plane.url()], 1, 1, "key-value").await;
    deployment
        .update(&[plane.url()], 2, 2, "tool hostile__note {}")
        .await;
    deployment.update(&[plane.url()], 3, 3, "echo done").await;
    // Each of its three turns has just asked; the control plane has not heard it yet.
    wire.await_held(4).await;
    frozen.freeze();
    let _heir = deployment.worker(&[plane.url()], "heir", &[]).await;
    deployment.end_leases().await;
    // All three are answered by another.
    let sent = double.await_sent(3).await;
    wire.release();
    for operation in [WRITE, SEARCH, COMPLETE] {
        wire.await_answer(operation, 409).await;
    }
    frozen.thaw();
    frozen.await_logs("the lease was lost", 3).await;
    assert_eq!(
        texts(&double.sent()),
        texts(&sent),
        "nothing of it was sent"
    );
    assert_eq!(deployment.stats().await.dead_letters, 0);
}
