//! Dead letters are put back in their order, or thrown away; what crashes workers becomes one sooner.

use super::driver::{Driver, acme, conversations};
use agent_factory::domain::MessageId;
use agent_factory::queue::{self, Enqueue, Retry};
use agent_factory_tests::store_cases;
use std::time::Duration;

/// Messages of conversation `c` that were given up, in their order.
async fn dead(queue: &Driver, texts: &[&str]) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for text in texts {
        let message = queue.message("c", text);
        let source_id = Some(format!("of {text}"));
        ids.push(
            queue
                .enqueue_as(Enqueue {
                    source_id,
                    ..message
                })
                .await,
        );
    }
    for _ in texts {
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Never).await.unwrap();
    }
    ids
}

async fn replay_all(queue: &Driver, limit: u32) -> u64 {
    queue
        .write(move |tx| Box::pin(async move { queue::redrive_all(tx, &acme(), limit).await }))
        .await
}

async fn purge_all(queue: &Driver, limit: u32) -> u64 {
    queue
        .write(move |tx| Box::pin(async move { queue::purge_all(tx, &acme(), limit).await }))
        .await
}

store_cases! {
    async fn dead_letters_are_replayed_in_the_order_in_which_they_stood(test) {
        let queue = Driver::new(test).await;
        let ids = dead(&queue, &["1", "2", "3"]).await;
        let live = queue.enqueue("c", "live").await;
        assert_eq!(replay_all(&queue, 100).await, 3);
        assert_eq!(replay_all(&queue, 100).await, 0);
        let mut taken = Vec::new();
        for _ in 0..4 {
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.attempt, 1);
            queue.complete(&claimed.lease).await.unwrap();
            taken.push(claimed.lease.message_id);
        }
        assert_eq!(taken, [live, ids[0].clone(), ids[1].clone(), ids[2].clone()]);
    }

    async fn a_replay_stops_at_its_limit_and_goes_on_where_it_stopped(test) {
        let queue = Driver::new(test).await;
        dead(&queue, &["1", "2", "3"]).await;
        assert_eq!(replay_all(&queue, 2).await, 2);
        assert_eq!(replay_all(&queue, 2).await, 1);
        assert_eq!(replay_all(&queue, 2).await, 0);
    }

    async fn a_replay_into_a_conversation_in_flight_waits_for_it(test) {
        let queue = Driver::new(test).await;
        let ids = dead(&queue, &["1"]).await;
        queue.enqueue("c", "live").await;
        let lease = queue.claim_only().await.lease;
        assert!(queue.redrive(&ids[0]).await);
        queue.check(&lease).await.unwrap();
        assert!(queue.claim(9).await.is_empty());
        queue.complete(&lease).await.unwrap();
        assert_eq!(queue.claim_only().await.lease.message_id, ids[0]);
    }

    async fn a_purged_dead_letter_is_gone_with_all_that_was_kept_of_it(test) {
        let queue = Driver::new(test).await;
        let ids = dead(&queue, &["1", "2"]).await;
        let id = ids[0].clone();
        let purge = |id: MessageId| queue.write(move |tx| Box::pin(async move { queue::purge(tx, &acme(), &id).await }));
        assert!(purge(id.clone()).await);
        assert!(!purge(id.clone()).await);
        assert!(queue.status_in("acme", &id).await.is_none());
        assert_eq!(queue.test.number("SELECT count(*) FROM message_attempts").await, 1);
        // Nobody remembers it: the same id is a new message.
        let message = Enqueue { source_id: Some("of 1".to_owned()), ..queue.message("c", "1") };
        assert!(!queue.try_enqueue(message).await.unwrap().duplicate);
        assert_eq!(purge_all(&queue, 1).await, 1);
        assert_eq!(purge_all(&queue, 1).await, 0);
        let live = queue.claim_only().await;
        assert_eq!(conversations(&[live]), ["c"], "what is no dead letter is not thrown away");
    }

    async fn every_attempt_s_error_is_kept_with_its_message(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Backoff).await.unwrap();
        queue.test.advance(Duration::from_hours(1)).await;
        queue.crash().await;
        queue.test.advance(Duration::from_hours(1)).await;
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Backoff).await.unwrap();
        assert!(queue.is_dead(&id).await);
        let of = id.clone();
        let attempts = queue.write(move |tx| Box::pin(async move { queue::failed_attempts(tx, &acme(), &of, 9).await })).await;
        let seen: Vec<_> = attempts.iter().map(|it| (it.attempt, it.outcome.as_str(), it.error.as_str())).collect();
        assert_eq!(seen, [
            (1, "failed", "it broke"),
            (2, "crashed", "the worker was lost while it ran this message"),
            (3, "failed", "it broke"),
        ]);
        assert!(attempts.iter().all(|it| it.worker_id.as_ref().is_some_and(|id| id.as_str() == "worker")));
    }

    async fn a_message_that_crashes_workers_is_given_up_sooner_than_one_that_fails(test) {
        let mut queue = Driver::new(test).await;
        (queue.policy.max_attempts, queue.policy.max_crashes) = (9, 2);
        let poison = queue.enqueue("poison", "1").await;
        queue.crash().await;
        assert!(!queue.is_dead(&poison).await);
        queue.test.advance(Duration::from_hours(1)).await;
        queue.crash().await;
        assert!(queue.is_dead(&poison).await);
        let fails = queue.enqueue("fails", "1").await;
        for _ in 0..8 {
            let lease = queue.claim_only().await.lease;
            queue.fail(&lease, Retry::Backoff).await.unwrap();
            queue.test.advance(Duration::from_hours(1)).await;
        }
        assert!(!queue.is_dead(&fails).await);
    }

    async fn a_heartbeat_that_says_a_turn_runs_makes_its_worker_s_loss_a_crash(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.heartbeat(vec![(lease, true)]).await;
        queue.test.advance(queue.policy.lease).await;
        queue.sweep().await;
        let status = queue.status(&id).await;
        assert_eq!((status.attempts, status.crashes), (1, 1));
    }
}
