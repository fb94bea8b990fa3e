//! Claims whose answers get lost.

use super::{asking, claim, factory};
use agent_factory::control::{ClaimRequest, ControlError};
use agent_factory::queue::MessageState;
use agent_factory_tests::remote::join;
use agent_factory_tests::wire::Wire;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The claim's own path, and not that of deliveries.
const CLAIM: &str = "POST /v1/worker/claim ";

#[tokio::test]
async fn a_claim_whose_answer_was_cut_off_gives_the_same_lease_when_it_is_asked_again() {
    let factory = factory().await;
    let message = factory.enqueue("ada", "chat", "echo hello").await;
    let remote = factory.remote().expect("a served factory");
    let wire = Wire::to(remote.url()).await;
    let joined = join(
        wire.url(),
        remote.token(),
        remote.cache(),
        CancellationToken::new(),
    )
    .await;

    wire.cut(CLAIM, 0);
    let missed = joined.control.claim(asking("worker")).await;
    assert!(
        matches!(missed, Err(ControlError::Unavailable(_))),
        "{missed:?}"
    );
    wire.await_cuts(1).await;
    assert_eq!(
        factory.status("ada", &message).await.state,
        MessageState::Processing
    );
    // To somebody else there is nothing.
    let none = factory
        .control()
        .claim(asking("another"))
        .await
        .expect("a claim");
    assert!(none.turns.is_empty());

    let lease = claim(&*joined.control, "worker").await;
    assert_eq!(
        (lease.message_id.clone(), lease.fence.0),
        (message.clone(), 1)
    );
    joined
        .control
        .hydrate(&lease)
        .await
        .expect("a lease that holds");
    let status = factory.status("ada", &message).await;
    assert_eq!((status.attempts, status.crashes), (0, 0));
    // It was one claim: the next is another.
    assert!(
        joined
            .control
            .claim(asking("worker"))
            .await
            .expect("a claim")
            .turns
            .is_empty()
    );
}

#[tokio::test]
async fn a_worker_that_stops_while_its_claims_answer_is_lost_is_told_what_it_has_leased() {
    let factory = factory().await;
    let remote = factory.remote().expect("a served factory");
    let wire = Wire::to(remote.url()).await;
    let stop = CancellationToken::new();
    let joined = join(wire.url(), remote.token(), remote.cache(), stop.clone()).await;
    let waiting = ClaimRequest {
        wait: Duration::from_secs(30),
        ..asking("worker")
    };
    let control = joined.control.clone();
    let claiming = tokio::spawn(async move { control.claim(waiting).await });
    wire.await_head(CLAIM).await;
    stop.cancel();
    let claims = claiming.await.expect("no panic").expect("a claim");
    assert!(claims.turns.is_empty());
    assert_eq!(
        wire.heads(CLAIM).len(),
        2,
        "it was asked once more, for nothing new"
    );
    assert!(wire.heads("\"repeated\":true").len() == 1);
}

#[tokio::test]
async fn a_claim_that_waits_is_answered_at_once_when_the_control_plane_stops() {
    let factory = factory().await;
    let served = agent_factory_tests::api::Served::start(&factory).await;
    let remote = factory.remote().expect("a served factory");
    let wire = Wire::to(served.url()).await;
    let joined = join(
        wire.url(),
        remote.token(),
        remote.cache(),
        CancellationToken::new(),
    )
    .await;
    let waiting = ClaimRequest {
        wait: Duration::from_secs(30),
        ..asking("worker")
    };
    let claiming = tokio::spawn(async move { joined.control.claim(waiting).await });
    wire.await_head(CLAIM).await;
    served.begin_stop();
    let claims = claiming.await.expect("no panic").expect("an answer");
    assert!(claims.turns.is_empty());
}
