//! Compiled components on their way to a worker.

use super::{claim, factory};
use agent_factory::control::ControlPlane;
use agent_factory::domain::{Digest, Lease};
use agent_factory::engine::{CompiledComponent, Platform};
use agent_factory_tests::factory::Factory;
use agent_factory_tests::remote::{Remote, host, join};
use agent_factory_tests::wire::Wire;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const ARTIFACT: &str = "GET /v1/worker/artifacts/";

/// A factory with a leased message, and what its agent's engine is called.
struct Ready {
    factory: Factory,
    lease: Lease,
    engine: Digest,
    platform: Platform,
    wire: Wire,
    folder: tempfile::TempDir,
}

impl Ready {
    async fn new() -> Self {
        let factory = factory().await;
        factory.enqueue("ada", "chat", "echo hello").await;
        let control = factory.control();
        let lease = claim(&*control, "worker").await;
        let bundle = control.hydrate(&lease).await.expect("a bundle");
        let snapshot = control
            .snapshot(&lease, bundle.snapshot)
            .await
            .expect("a snapshot");
        let wire = Wire::to(factory.remote().expect("a served factory").url()).await;
        let unused = Path::new("/nonexistent");
        let (_, trust) = join_through(&factory, &wire, unused).await;
        let platform = host(factory.app().config(), trust).platform();
        Self {
            lease,
            engine: snapshot.engine,
            platform,
            wire,
            folder: tempfile::tempdir().expect("a folder"),
            factory,
        }
    }

    /// A worker that has just started, with the folder of the last one.
    async fn worker(&self) -> Arc<dyn ControlPlane> {
        join_through(&self.factory, &self.wire, self.folder.path())
            .await
            .0
    }

    async fn get(&self, control: &dyn ControlPlane) -> CompiledComponent {
        let component = control.component(&self.lease, self.engine, &self.platform);
        component.await.expect("a component")
    }

    fn requests(&self) -> usize {
        self.wire.heads(ARTIFACT).len()
    }

    fn files(&self, ending: &str) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }
}

async fn join_through(
    factory: &Factory,
    wire: &Wire,
    folder: &Path,
) -> (
    Arc<dyn ControlPlane>,
    agent_factory::engine::ArtifactVerifier,
) {
    let remote: &Remote = factory.remote().expect("a served factory");
    let spare = tempfile::tempdir().expect("a folder");
    let folder = if folder.exists() {
        folder
    } else {
        spare.path()
    };
    let joined = join(wire.url(), remote.token(), folder, CancellationToken::new()).await;
    (joined.control, joined.trust)
}

#[tokio::test]
async fn a_component_is_downloaded_once_for_many_turns_and_kept_for_the_next_start() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    let (one, two, three) = tokio::join!(
        ready.get(&*control),
        ready.get(&*control),
        ready.get(&*control)
    );
    assert_eq!(ready.requests(), 1);
    assert!(one == two && two == three);
    let local = ready.factory.app().control(CancellationToken::new());
    assert_eq!(one, ready.get(&local).await, "what the control plane has");
    drop(control);
    let restarted = ready.worker().await;
    assert_eq!(ready.get(&*restarted).await, one);
    assert_eq!(ready.requests(), 1);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    ready.wire.cut(ARTIFACT, 50_000);
    ready.wire.cut(ARTIFACT, 60_000);
    let whole = ready.get(&*control).await;
    let heads = ready.wire.heads(ARTIFACT);
    assert_eq!(heads.len(), 3);
    let from: Vec<u64> = heads
        .iter()
        .map(|head| {
            let range = head
                .lines()
                .find_map(|line| line.strip_prefix("range: bytes="));
            range.map_or(0, |range| {
                range.trim_end_matches('-').parse().expect("a number")
            })
        })
        .collect();
    assert_eq!(from[0], 0);
    assert!(from[0] < from[1] && from[1] < from[2], "{from:?}");
    assert!(from[2] < u64::try_from(whole.bytes.len()).expect("a length"));
    assert!(ready.files(".part").is_empty());
}

#[tokio::test]
async fn a_file_that_was_changed_on_disk_is_downloaded_again() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    let whole = ready.get(&*control).await;
    let [path] = ready.files(".cwasm").try_into().expect("one file");
    let mut bytes = std::fs::read(&path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("a changed file");
    assert_eq!(ready.get(&*control).await, whole);
    assert_eq!(ready.requests(), 2);
}

#[tokio::test]
async fn a_begun_download_that_was_changed_on_disk_begins_anew() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    let whole = ready.get(&*control).await;
    // As after a crash in the middle, with a byte that nobody sent.
    let [path] = ready.files(".cwasm").try_into().expect("one file");
    let mut bytes = std::fs::read(&path).expect("a file");
    bytes.truncate(bytes.len() / 2);
    bytes[1_000] ^= 1;
    std::fs::write(path.with_extension("part"), bytes).expect("a begun file");
    std::fs::remove_file(&path).expect("a removed file");
    assert_eq!(ready.get(&*control).await, whole);
    assert_eq!(ready.requests(), 3);
}

#[tokio::test]
async fn a_download_that_was_whole_when_the_worker_died_is_not_repeated() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    let whole = ready.get(&*control).await;
    let [path] = ready.files(".cwasm").try_into().expect("one file");
    std::fs::rename(&path, path.with_extension("part")).expect("a begun file");
    assert_eq!(ready.get(&*control).await, whole);
    let last = ready.wire.heads(ARTIFACT).pop().expect("a request");
    assert!(
        last.contains(&format!("range: bytes={}-", whole.bytes.len())),
        "{last}"
    );
}

#[tokio::test]
async fn a_component_of_another_agent_is_not_given_to_who_names_its_digest() {
    let ready = Ready::new().await;
    let control = ready.worker().await;
    let other = Digest::of(b"another component");
    let refused = control
        .component(&ready.lease, other, &ready.platform)
        .await;
    assert!(refused.is_err());
    let lease = Lease {
        tenant_id: "bob".parse().expect("a tenant id"),
        ..ready.lease.clone()
    };
    let refused = control
        .component(&lease, ready.engine, &ready.platform)
        .await;
    assert!(
        matches!(
            refused,
            Err(agent_factory::control::ControlError::LeaseLost)
        ),
        "{refused:?}"
    );
}
