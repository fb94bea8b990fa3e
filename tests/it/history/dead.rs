//! Leases that are over: whoever holds one can do nothing any more, whether another has the conversation or nobody.

use super::{claim, send_to_each};
use agent_factory::control::{Beat, ClaimedTurn, Completion, ControlError, Failure, HeldLease};
use agent_factory::remote::Joined;
use agent_factory_tests::history::Site;
use agent_factory_tests::site_cases;
use std::time::Duration;

/// A turn that has started and whose lease is over.
async fn late(site: &Site) -> (Joined, ClaimedTurn) {
    send_to_each(site, 1).await;
    let worker = site.join().await;
    let [turn] = claim(&worker, 1, Duration::ZERO)
        .await
        .try_into()
        .expect("one turn");
    worker.control.hydrate(&turn.lease).await.expect("a bundle");
    site.end_leases().await;
    (worker, turn)
}

/// Everything that can be asked under a lease is refused.
async fn can_do_nothing(worker: &Joined, turn: &ClaimedTurn) {
    let (control, lease) = (&worker.control, &turn.lease);
    let failure = Failure::Permanent {
        reason: "too late".to_owned(),
        receipts: Vec::new(),
    };
    let refused = [
        control.hydrate(lease).await.err(),
        control.complete(lease, Completion::default()).await.err(),
        control.fail(lease, failure).await.err(),
        control.give_back(lease, Vec::new()).await.err(),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Some(ControlError::LeaseLost)),
            "{refused:?}"
        );
    }
    let held = [HeldLease {
        lease: lease.clone(),
        started: true,
    }];
    let beating = control.heartbeat(&worker.worker_id, &lease.pool, &held);
    assert_eq!(beating.await.expect("an answer").beats, [Beat::Lost]);
}

site_cases! {
    async fn a_lease_that_is_over_can_do_nothing_though_nobody_has_taken_it(site) {
        let (late, turn) = late(&site).await;
        can_do_nothing(&late, &turn).await;
        let [again] = claim(&late, 1, Duration::from_secs(30)).await.try_into().expect("one turn");
        assert_eq!(again.lease.message_id, turn.lease.message_id);
    }

    async fn nor_can_it_when_another_has_and_the_other_goes_on(site) {
        let (late, turn) = late(&site).await;
        let heir = site.join().await;
        let [taken] = claim(&heir, 1, Duration::from_secs(30)).await.try_into().expect("one turn");
        assert_eq!(taken.lease.message_id, turn.lease.message_id);
        assert!(taken.lease.fence > turn.lease.fence);
        can_do_nothing(&late, &turn).await;
        let completed = heir.control.complete(&taken.lease, Completion::default()).await;
        completed.expect("a settled message");
        can_do_nothing(&late, &turn).await;
    }
}
