//! A message that is not wanted any more does not run, or not again.

use super::driver::{Driver, conversations, worker};
use agent_factory::domain::Pool;
use agent_factory::queue::{Beat, Cancelled, FailOutcome, MessageState, Retry, Settled, drain};
use agent_factory::store::Topic;
use agent_factory_tests::store_cases;
use std::time::Duration;

store_cases! {
    async fn a_waiting_message_is_cancelled_at_once_and_the_next_takes_its_place(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "1").await;
        let second = queue.enqueue("c", "2").await;
        assert_eq!(queue.cancel(&first).await, Cancelled::Now);
        assert_eq!(queue.status(&first).await.state, MessageState::Cancelled { at: queue.test.now() });
        assert_eq!(queue.claim_only().await.lease.message_id, second);
        assert_eq!(queue.cancel(&first).await, Cancelled::Not);
    }

    async fn the_last_message_of_a_conversation_may_be_cancelled(test) {
        let queue = Driver::new(test).await;
        let only = queue.enqueue("c", "1").await;
        let mut listener = queue.db().signals().listen(Topic::Settled);
        assert_eq!(queue.cancel(&only).await, Cancelled::Now);
        listener.changed(Duration::MAX).await;
        assert!(queue.claim(9).await.is_empty());
        let next = queue.enqueue("c", "2").await;
        assert_eq!(queue.claim_only().await.lease.message_id, next);
    }

    async fn the_worker_of_a_cancelled_message_is_told_and_its_giving_back_ends_it(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let next = queue.enqueue("c", "2").await;
        let lease = queue.claim_only().await.lease;
        assert!(matches!(queue.beat(&lease).await, Beat::Extended { .. }));
        assert_eq!(queue.cancel(&id).await, Cancelled::Asked);
        assert_eq!(queue.beat(&lease).await, Beat::Cancel { lease_for: queue.policy.lease });
        queue.give_back(&lease).await.unwrap();
        assert!(matches!(queue.status(&id).await.state, MessageState::Cancelled { .. }));
        let claimed = queue.claim_only().await;
        assert_eq!(claimed.lease.message_id, next);
        assert!(matches!(queue.beat(&claimed.lease).await, Beat::Extended { .. }), "the next is not cancelled");
    }

    async fn a_cancelled_message_that_fails_is_not_tried_again(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.cancel(&id).await;
        assert_eq!(queue.fail(&lease, Retry::Backoff).await.unwrap(), FailOutcome::Cancelled);
        assert!(matches!(queue.status(&id).await.state, MessageState::Cancelled { .. }));
        queue.test.advance(Duration::from_hours(1)).await;
        assert!(queue.claim(9).await.is_empty());
    }

    async fn a_cancelled_message_whose_turn_holds_its_agent_is_not_tried_again(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.cancel(&id).await;
        queue.hold(&lease, "no key").await.unwrap();
        assert!(matches!(queue.status(&id).await.state, MessageState::Cancelled { .. }));
        queue.resume().await;
        assert!(queue.claim(9).await.is_empty());
    }

    async fn a_cancelled_message_whose_worker_is_lost_is_not_tried_again(test) {
        let queue = Driver::new(test).await;
        let started = queue.enqueue("started", "1").await;
        let not_started = queue.enqueue("waiting", "1").await;
        let claimed = queue.claim(9).await;
        queue.start(&claimed[0].lease).await.unwrap();
        for id in [&started, &not_started] {
            assert_eq!(queue.cancel(id).await, Cancelled::Asked);
        }
        queue.test.advance(queue.policy.lease).await;
        assert!(queue.claim(9).await.is_empty(), "{:?}", conversations(&claimed));
        for id in [&started, &not_started] {
            assert!(matches!(queue.status(id).await.state, MessageState::Cancelled { .. }));
        }
    }

    async fn a_turn_that_ends_well_before_it_hears_of_the_cancellation_is_done(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.cancel(&id).await;
        assert_eq!(queue.complete(&lease).await.unwrap(), Settled::Now);
        assert!(matches!(queue.status(&id).await.state, MessageState::Done { .. }));
        assert_eq!(queue.cancel(&id).await, Cancelled::Not);
    }

    async fn what_is_behind_a_running_message_is_cancelled_without_it(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "1").await;
        let second = queue.enqueue("c", "2").await;
        let third = queue.enqueue("c", "3").await;
        let lease = queue.claim_only().await.lease;
        assert_eq!(queue.cancel(&second).await, Cancelled::Now);
        assert!(matches!(queue.beat(&lease).await, Beat::Extended { .. }));
        queue.complete(&lease).await.unwrap();
        assert_eq!(queue.claim_only().await.lease.message_id, third);
    }

    async fn a_dead_letter_and_another_tenant_s_message_are_not_cancelled(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let theirs = queue.enqueue_of("other", "c").await;
        assert_eq!(queue.cancel(&theirs).await, Cancelled::Not);
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Never).await.unwrap();
        let dead = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Never).await.unwrap();
        assert_eq!(queue.cancel(&dead).await, Cancelled::Not);
        assert!(queue.is_dead(&dead).await);
    }

    async fn a_worker_that_is_told_to_drain_is_given_nothing_more_and_hears_of_it(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let lease = queue.claim_only().await.lease;
        assert!(!queue.heartbeat(vec![(lease.clone(), true)]).await.drain);
        let told = |id: &'static str| queue.write(move |tx| Box::pin(async move { drain(tx, &worker(id)).await }));
        assert!(told("worker").await);
        assert!(told("worker").await, "to tell it again changes nothing");
        assert!(!told("nobody").await);
        queue.enqueue("b", "1").await;
        let beat = queue.heartbeat(vec![(lease.clone(), true)]).await;
        assert!(beat.drain && matches!(beat.beats[..], [Beat::Extended { .. }]), "{beat:?}");
        let batch = queue.claim_as(super::driver::request("worker", 9, 1)).await;
        assert!(batch.drain && batch.claimed.is_empty());
        queue.complete(&lease).await.unwrap();
        let other = queue.claim_as(super::driver::request("another", 9, 0)).await;
        assert!(!other.drain && other.claimed.len() == 1);
        assert_eq!(other.claimed[0].lease.pool, Pool::default());
    }
}
