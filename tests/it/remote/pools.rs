//! A worker's token opens one pool, whatever the worker says.

use super::{asking, claim, factory};
use agent_factory::control::{Beat, Completion, ControlError, ControlPlane, Failure, HeldLease};
use agent_factory::domain::{KvOwner, KvScope, Lease};
use agent_factory_tests::remote::{Remote, join, token};
use tokio_util::sync::CancellationToken;

fn lost<T: std::fmt::Debug>(outcome: Result<T, ControlError>) {
    assert!(
        matches!(outcome, Err(ControlError::LeaseLost)),
        "{outcome:?}"
    );
}

async fn is_no_lease_to(control: &dyn ControlPlane, lease: &Lease) {
    let owner = KvOwner(None);
    lost(control.hydrate(lease).await);
    lost(control.kv_get(lease, &owner, KvScope::Agent, "key").await);
    let value = b"stolen".to_vec();
    lost(
        control
            .kv_set(lease, &owner, "key", value, None, "call")
            .await,
    );
    lost(control.kv_delete(lease, &owner, "key", "call").await);
    lost(
        control
            .kv_list(lease, &owner, KvScope::Agent, "", "", 9)
            .await,
    );
    lost(control.memory_search(lease, "bread", 5).await);
    let note = "MEMORY.md".parse().expect("a path");
    lost(control.memory_read(lease, &note, 1, 5).await);
    lost(control.complete(lease, Completion::default()).await);
    let failure = Failure::Permanent {
        reason: "stolen".to_owned(),
        receipts: Vec::new(),
    };
    lost(control.fail(lease, failure).await);
    lost(control.give_back(lease, Vec::new()).await);
    let worker = "thief".parse().expect("a worker id");
    let lease = HeldLease {
        lease: lease.clone(),
        started: true,
    };
    let pool = lease.lease.pool.clone();
    let beats = control.heartbeat(&worker, &pool, std::slice::from_ref(&lease));
    assert_eq!(beats.await.expect("an answer").beats, [Beat::Lost]);
}

#[tokio::test]
async fn a_lease_that_was_stolen_is_no_lease_under_another_pools_token() {
    let factory = factory().await;
    factory.enqueue("ada", "chat", "echo hello").await;
    let owner = factory.control();
    let lease = claim(&*owner, "worker").await;
    owner.hydrate(&lease).await.expect("a started turn");

    let remote = factory.remote().expect("a served factory");
    let other = token(factory.app(), "other").await;
    let folder = tempfile::tempdir().expect("a folder");
    let thief = join(
        remote.url(),
        &other,
        folder.path(),
        CancellationToken::new(),
    )
    .await;
    assert_eq!(thief.pool.as_str(), "other");
    is_no_lease_to(&*thief.control, &lease).await;
    assert!(
        thief
            .control
            .claim(asking("thief"))
            .await
            .expect("a claim")
            .turns
            .is_empty()
    );

    // Nor once it has settled: only who settled it hears that it has.
    owner
        .complete(&lease, Completion::default())
        .await
        .expect("a completion");
    owner
        .complete(&lease, Completion::default())
        .await
        .expect("its repeat");
    lost(thief.control.complete(&lease, Completion::default()).await);
}

#[tokio::test]
async fn a_worker_id_stays_in_the_pool_it_registered_with() {
    let factory = factory().await;
    let remote: &Remote = factory.remote().expect("a served factory");
    factory
        .control()
        .claim(asking("worker"))
        .await
        .expect("a claim");
    let other = token(factory.app(), "other").await;
    let folder = tempfile::tempdir().expect("a folder");
    let thief = join(
        remote.url(),
        &other,
        folder.path(),
        CancellationToken::new(),
    )
    .await;
    let refused = thief.control.claim(asking("worker")).await;
    let Err(ControlError::Refused(reason)) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("another pool's"), "{reason}");
}
