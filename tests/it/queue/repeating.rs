//! Claims that are asked for again, and workers that are bound to a pool.

use super::driver::{Driver, request, worker};
use agent_factory::domain::{ClaimId, ClaimTry, Lease, Pool};
use agent_factory::queue::{self, ClaimError, ClaimRequest};
use agent_factory_tests::store_cases;

fn asked(id: u8, repeated: bool) -> ClaimRequest {
    let id = ClaimId::from_random([id; 16]);
    ClaimRequest {
        claim: Some(ClaimTry { id, repeated }),
        ..request("worker", 9, 0)
    }
}

fn other() -> Pool {
    "other".parse().unwrap()
}

store_cases! {
    async fn a_repeated_claim_is_given_what_its_first_try_leased_and_nothing_more(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        queue.enqueue("b", "2").await;
        let first = queue.claim_as(asked(1, false)).await;
        assert_eq!(first.claimed.len(), 2);
        queue.enqueue("c", "3").await;
        let mut again = queue.claim_as(asked(1, true)).await;
        again.claimed.sort_by(|one, two| one.lease.conversation_id.cmp(&two.lease.conversation_id));
        let mut before = first.claimed.clone();
        before.sort_by(|one, two| one.lease.conversation_id.cmp(&two.lease.conversation_id));
        assert_eq!(again.claimed, before);
        queue.check(&again.claimed[0].lease).await.unwrap();
    }

    async fn a_repeated_claim_whose_first_try_never_arrived_is_a_claim(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        assert_eq!(queue.claim_as(asked(1, true)).await.claimed.len(), 1);
    }

    async fn what_another_claim_or_another_worker_holds_is_not_repeated(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        assert_eq!(queue.claim_as(asked(1, false)).await.claimed.len(), 1);
        assert!(queue.claim_as(asked(2, true)).await.claimed.is_empty());
        let stranger = ClaimRequest { worker_id: worker("stranger"), ..asked(1, true) };
        assert!(queue.claim_as(stranger).await.claimed.is_empty());
    }

    async fn a_lease_that_has_ended_is_not_repeated(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let first = queue.claim_as(asked(1, false)).await;
        queue.test.advance(first.claimed[0].lease_for).await;
        // It never started: it goes back without an attempt, and is claimed anew.
        let again = queue.claim_as(asked(1, true)).await;
        assert_eq!((again.claimed[0].attempt, again.claimed[0].crashes), (1, 0));
        assert!(again.claimed[0].lease.fence > first.claimed[0].lease.fence);
        queue.check(&first.claimed[0].lease).await.unwrap_err();
    }

    async fn a_lease_is_none_under_another_pools_name(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let lease = queue.claim_only().await.lease;
        let stolen = Lease { pool: other(), ..lease.clone() };
        queue.check(&stolen).await.unwrap_err();
        queue.start(&stolen).await.unwrap_err();
        assert_eq!(queue.beat(&stolen).await, queue::Beat::Lost);
        queue.complete(&stolen).await.unwrap_err();
        queue.complete(&lease).await.unwrap();
        queue.complete(&stolen).await.unwrap_err();
        queue.complete(&lease).await.unwrap();
    }

    async fn a_lease_goes_on_when_its_agent_moves_to_another_pool(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.test.execute("UPDATE agent_profiles SET pool = 'other'").await;
        queue.enqueue("a", "2").await;
        queue.check(&lease).await.unwrap();
        queue.complete(&lease).await.unwrap();
        assert!(queue.claim(9).await.is_empty());
        let theirs = ClaimRequest { pool: other(), ..request("theirs", 9, 0) };
        assert_eq!(queue.claim_as(theirs).await.claimed.len(), 1);
    }

    async fn a_workers_id_stays_in_its_pool(test) {
        let queue = Driver::new(test).await;
        let register = async |pool: Pool| {
            let registered: Result<(), ClaimError> = queue.db().write(move |tx| {
                Box::pin(async move { queue::register(tx, &worker("worker"), &pool).await })
            }).await;
            registered
        };
        register(Pool::default()).await.unwrap();
        register(Pool::default()).await.unwrap();
        assert!(matches!(register(other()).await, Err(ClaimError::AnotherPool(_))));
        let (policy, ids) = (queue.policy.clone(), queue.test.ids.clone());
        let theirs = ClaimRequest { pool: other(), ..request("worker", 9, 0) };
        let refused: Result<_, ClaimError> = queue.db().write(move |tx| {
            Box::pin(async move { queue::claim(tx, &policy, &ids, &theirs).await })
        }).await;
        assert!(matches!(refused, Err(ClaimError::AnotherPool(_))));
    }
}
