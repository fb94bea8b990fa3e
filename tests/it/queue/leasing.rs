//! What a lease allows, and that it allows nothing once it is gone.

use super::driver::{Driver, worker};
use agent_factory::domain::{Fence, Lease, LeaseToken};
use agent_factory::queue::{Beat, LeaseError, MessageState, Retry, Settled};
use agent_factory_tests::store_cases;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

fn is_lost<T: std::fmt::Debug>(answer: Result<T, LeaseError>) -> bool {
    matches!(answer.unwrap_err(), LeaseError::Lost)
}

/// Every way to change something by a lease, and to look by it, is refused, and nothing is changed.
async fn refused_everywhere(queue: &Driver, lease: &Lease) {
    assert!(is_lost(queue.check(lease).await));
    assert!(is_lost(queue.start(lease).await));
    assert_eq!(queue.beat(lease).await, Beat::Lost);
    assert!(is_lost(queue.complete(lease).await));
    assert!(is_lost(queue.fail(lease, Retry::Never).await));
    assert!(is_lost(queue.give_back(lease).await));
    assert!(is_lost(queue.hold(lease, "no").await));
}

store_cases! {
    async fn a_lease_lasts_until_the_millisecond_it_ends(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let claimed = queue.claim_only().await;
        assert_eq!(claimed.lease_for, Duration::from_secs(60));
        queue.test.advance(claimed.lease_for - TICK).await;
        queue.check(&claimed.lease).await.unwrap();
        queue.test.advance(TICK).await;
        refused_everywhere(&queue, &claimed.lease).await;
    }

    async fn a_late_worker_is_fenced_out(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hi").await;
        let late = queue.claim_only().await;
        queue.test.advance(queue.policy.lease).await;
        let now = queue.claim_only().await;
        assert_eq!(now.lease.message_id, id);
        assert_eq!(now.lease.fence.0, late.lease.fence.0 + 1);
        refused_everywhere(&queue, &late.lease).await;
        assert_eq!(queue.complete(&now.lease).await.unwrap(), Settled::Now);
        refused_everywhere(&queue, &late.lease).await;
    }

    async fn a_lease_with_any_part_of_it_wrong_is_no_lease(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let other = queue.enqueue("c", "next").await;
        let lease = queue.claim_only().await.lease;
        let token = LeaseToken::from_random([7; 16]);
        let fence = Fence(lease.fence.0 + 1);
        let conversation_id = "d".parse().unwrap();
        for wrong in [
            Lease { token, ..lease.clone() },
            Lease { fence, ..lease.clone() },
            Lease { message_id: other, ..lease.clone() },
            Lease { conversation_id, ..lease.clone() },
            Lease { agent_key: "sales".parse().unwrap(), ..lease.clone() },
        ] {
            refused_everywhere(&queue, &wrong).await;
        }
        queue.check(&lease).await.unwrap();
    }

    async fn a_heartbeat_extends_a_lease(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        for _ in 0..3 {
            queue.test.advance(40 * SECOND).await;
            let extended = Beat::Extended { lease_for: queue.policy.lease };
            assert_eq!(queue.beat(&lease).await, extended);
        }
        queue.complete(&lease).await.unwrap();
    }

    async fn a_worker_that_hangs_and_still_beats_loses_its_lease_at_the_deadline(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.lease_total = Duration::from_secs(100);
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        queue.test.advance(50 * SECOND).await;
        let capped = Beat::Extended { lease_for: 50 * SECOND };
        assert_eq!(queue.beat(&lease).await, capped);
        queue.test.advance(50 * SECOND - TICK).await;
        assert_eq!(queue.beat(&lease).await, Beat::Extended { lease_for: TICK });
        queue.test.advance(TICK).await;
        refused_everywhere(&queue, &lease).await;
        queue.claim_only().await;
    }

    async fn one_heartbeat_answers_for_each_lease_in_the_order_asked(test) {
        let queue = Driver::new(test).await;
        for conversation in ["a", "b", "c"] {
            queue.enqueue(conversation, "hi").await;
        }
        let leases: Vec<_> = queue.claim(9).await.into_iter().map(|message| message.lease).collect();
        queue.complete(&leases[1]).await.unwrap();
        let extended = Beat::Extended { lease_for: queue.policy.lease };
        assert_eq!(queue.beat_all(&leases).await, [extended, Beat::Lost, extended]);
        assert_eq!(queue.beat_all(&[]).await, []);
        assert_eq!(worker("worker").as_str(), "worker");
    }

    async fn a_heartbeat_over_a_lease_that_has_ended_does_not_wake_it(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        queue.test.advance(queue.policy.lease).await;
        assert_eq!(queue.beat(&lease).await, Beat::Lost);
        queue.claim_only().await;
    }

    async fn to_start_twice_is_to_start_once(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        let first = queue.start(&lease).await.unwrap();
        queue.test.advance(SECOND).await;
        assert_eq!(queue.start(&lease).await.unwrap(), first);
        let started = queue.test.number("SELECT started_at FROM leases").await;
        assert_eq!(started, queue.test.now().as_millis() - 1000);
    }

    async fn a_worker_lost_before_the_turn_began_costs_no_attempt(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hi").await;
        for _ in 0..5 {
            let claimed = queue.claim_only().await;
            assert_eq!((claimed.attempt, claimed.suspect), (1, false));
            queue.test.advance(queue.policy.lease).await;
        }
        let status = queue.status(&id).await;
        assert_eq!((status.attempts, status.crashes), (0, 0));
    }

    async fn a_worker_lost_during_the_turn_costs_an_attempt_and_a_wait(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hi").await;
        queue.enqueue("c", "behind").await;
        queue.crash().await;
        let status = queue.status(&id).await;
        assert_eq!((status.attempts, status.crashes), (1, 1));
        let error = "the worker was lost while it ran this message";
        assert_eq!(status.last_error.as_deref(), Some(error));
        assert!(queue.claim(9).await.is_empty());
        queue.test.advance(SECOND).await;
        assert_eq!(queue.claim_only().await.lease.message_id, id);
    }

    async fn a_poison_message_ends_in_the_dead_letters_and_takes_no_neighbour_down(test) {
        let queue = Driver::new(test).await;
        let poison = queue.enqueue("poison", "boom").await;
        let next = queue.enqueue("poison", "next").await;
        let mut neighbours_hurt = 0;
        for round in 0..3 {
            let neighbour = queue.enqueue(&format!("good{round}"), "hi").await;
            // Whatever shares the worker with the poison is lost with it, each time anew.
            loop {
                let batch = queue.claim(9).await;
                let together = batch.iter().any(|message| message.lease.message_id == poison);
                for message in &batch {
                    queue.start(&message.lease).await.unwrap();
                    if !together {
                        queue.complete(&message.lease).await.unwrap();
                    }
                }
                if together {
                    break;
                }
            }
            queue.test.advance(queue.policy.lease).await;
            queue.sweep().await;
            queue.test.advance(10 * SECOND).await;
            neighbours_hurt += queue.status(&neighbour).await.crashes;
        }
        assert!(queue.is_dead(&poison).await);
        assert_eq!(queue.status(&poison).await.crashes, 3);
        assert!(neighbours_hurt <= 1, "only before the poison was known: {neighbours_hurt}");
        let left = queue.claim_as(super::driver::request("busy", 9, 1)).await.claimed;
        assert!(left.iter().any(|message| message.lease.message_id == next));
    }

    async fn one_sweep_takes_back_a_bounded_number_of_leases(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.sweep_batch = 2;
        for conversation in ["a", "b", "c"] {
            queue.enqueue(conversation, "hi").await;
        }
        assert_eq!(queue.claim(9).await.len(), 3);
        queue.test.advance(queue.policy.lease).await;
        let first = queue.sweep().await;
        assert_eq!((first.expired, first.more), (2, true));
        let second = queue.sweep().await;
        assert_eq!((second.expired, second.more), (1, false));
    }

    async fn after_every_worker_was_gone_for_long_the_first_claim_finds_all_work(test) {
        let queue = Driver::new(test).await;
        let mut ids = Vec::new();
        for conversation in ["a", "b", "c"] {
            ids.push(queue.enqueue(conversation, "hi").await);
        }
        queue.claim(9).await;
        queue.test.advance(Duration::from_hours(24)).await;
        assert_eq!(queue.claim(9).await.len(), 3);
        assert_eq!(queue.status(&ids[0]).await.state, MessageState::Processing);
    }
}
