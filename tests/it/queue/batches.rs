//! Many messages at once are what they would be one by one.

use super::driver::{Driver, conversations};
use agent_factory::queue::{Enqueue, EnqueueError, LeaseError, MessageState, Settled};
use agent_factory_tests::database::EPOCH;
use agent_factory_tests::store_cases;
use std::time::Duration;

store_cases! {
    async fn messages_of_a_batch_take_their_places_in_its_order(test) {
        let queue = Driver::new(test).await;
        let before = queue.enqueue("a", "0").await;
        let batch = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")];
        let batch = batch.map(|(conversation, text)| queue.message(conversation, text));
        let accepted = queue.enqueue_all(batch.to_vec()).await;
        let ids: Vec<_> = accepted.into_iter().map(|it| it.unwrap().message_id).collect();
        let mut taken = Vec::new();
        for _ in 0..3 {
            for claimed in queue.claim(9).await {
                queue.complete(&claimed.lease).await.unwrap();
                taken.push(claimed.lease.message_id);
            }
        }
        let wanted = [before, ids[1].clone(), ids[0].clone(), ids[3].clone(), ids[2].clone()];
        let order = |conversation: &[usize]| {
            let places = conversation.iter().map(|at| taken.iter().position(|id| *id == wanted[*at]));
            places.collect::<Option<Vec<_>>>().unwrap().is_sorted()
        };
        assert_eq!(taken.len(), 5);
        assert!(order(&[0, 2, 4]) && order(&[1, 3]), "{taken:?}");
    }

    async fn a_message_that_is_refused_stands_in_no_other_s_way(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("acme", "sales").await;
        queue.enqueue("bound", "hi").await;
        let large = "x".repeat(queue.policy.max_payload_bytes);
        let missing = Enqueue { agent_key: "nobody".parse().unwrap(), ..queue.message("a", "hi") };
        let sales = |conversation| Enqueue {
            agent_key: "sales".parse().unwrap(),
            source_id: Some(format!("of {conversation}")),
            ..queue.message(conversation, "hi")
        };
        let batch = vec![
            queue.message("a", "1"),
            missing,
            sales("bound"),
            queue.message("a", &large),
            queue.message("new", "first"),
            sales("new"),
            queue.message("a", "2"),
        ];
        let results = queue.enqueue_all(batch).await;
        assert!(matches!(results[1], Err(EnqueueError::AgentMissing(_))));
        assert!(matches!(results[2], Err(EnqueueError::ConversationBoundToAnotherAgent(_))));
        assert!(matches!(results[3], Err(EnqueueError::PayloadTooLarge { .. })));
        assert!(matches!(results[5], Err(EnqueueError::ConversationBoundToAnotherAgent(_))));
        for accepted in [0, 4, 6] {
            assert!(!results[accepted].as_ref().unwrap().duplicate);
        }
        assert_eq!(queue.test.number("SELECT count(*) FROM message_queue").await, 4);
        // What was refused is not taken for a repeat later.
        assert_eq!(queue.test.number("SELECT count(*) FROM message_sources").await, 0);
    }

    async fn a_repeat_within_a_batch_is_a_repeat(test) {
        let queue = Driver::new(test).await;
        let message = |text| Enqueue { source_id: Some("7".to_owned()), ..queue.message("c", text) };
        let results = queue.enqueue_all(vec![message("hi"), message("hi"), message("other")]).await;
        let answers: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers[0].message_id, answers[1].message_id);
        assert_eq!(answers.iter().map(|it| (it.duplicate, it.differs)).collect::<Vec<_>>(),
            [(false, false), (true, false), (true, true)]);
        assert_eq!(queue.test.number("SELECT count(*) FROM message_queue").await, 1);
        queue.claim_only().await;
    }

    async fn what_comes_later_and_at_once_in_one_batch_runs_when_it_is_due(test) {
        let queue = Driver::new(test).await;
        let later = |seconds, conversation| Enqueue {
            scheduled_for: Some(EPOCH.plus(Duration::from_secs(seconds))),
            ..queue.message(conversation, "later")
        };
        let batch = vec![later(60, "mixed"), queue.message("mixed", "now"), later(30, "late"), later(10, "late")];
        let ids: Vec<_> = queue.enqueue_all(batch).await.into_iter().map(|it| it.unwrap().message_id).collect();
        let now = queue.claim_only().await;
        assert_eq!(now.lease.message_id, ids[1]);
        queue.complete(&now.lease).await.unwrap();
        for (after, id) in [(10, &ids[3]), (20, &ids[2]), (30, &ids[0])] {
            assert!(queue.claim(9).await.is_empty());
            queue.test.advance(Duration::from_secs(after)).await;
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.lease.message_id, *id);
            queue.complete(&claimed.lease).await.unwrap();
        }
    }

    async fn messages_to_a_held_agent_wait_and_an_empty_batch_is_nothing(test) {
        let queue = Driver::new(test).await;
        assert!(queue.enqueue_all(Vec::new()).await.is_empty());
        assert!(queue.complete_all(&[]).await.is_empty());
        queue.enqueue("a", "hi").await;
        let lease = queue.claim_only().await.lease;
        queue.hold(&lease, "why").await.unwrap();
        queue.enqueue_all(vec![queue.message("b", "hi"), queue.message("c", "hi")]).await;
        assert!(queue.claim(9).await.is_empty());
        queue.resume().await;
        let claimed = queue.claim(9).await;
        assert_eq!(claimed.len(), 3, "{:?}", conversations(&claimed));
    }

    async fn a_dead_lease_in_a_batch_takes_nothing_from_the_live_one_of_its_message(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "1").await;
        let dead = queue.claim_only().await.lease;
        queue.give_back(&dead).await.unwrap();
        let live = queue.claim_only().await.lease;
        let forged = agent_factory::domain::Lease { token: dead.token.clone(), ..live.clone() };
        let results = queue.complete_all(&[dead, forged, live]).await;
        assert!(matches!(results[..], [Err(LeaseError::Lost), Err(LeaseError::Lost), Ok(Settled::Now)]), "{results:?}");
    }

    async fn completions_of_a_batch_are_settled_each_for_itself(test) {
        let queue = Driver::new(test).await;
        for conversation in ["a", "b", "c"] {
            queue.enqueue(conversation, "1").await;
            queue.enqueue(conversation, "2").await;
        }
        let mut leases: Vec<_> = queue.claim(9).await.into_iter().map(|it| it.lease).collect();
        queue.complete(&leases[0]).await.unwrap();
        queue.give_back(&leases[1]).await.unwrap();
        leases.push(leases[2].clone());
        let results = queue.complete_all(&leases).await;
        assert!(matches!(results[0], Ok(Settled::AlreadySettled)));
        assert!(matches!(results[1], Err(LeaseError::Lost)));
        assert!(matches!(results[2], Ok(Settled::Now)));
        assert!(matches!(results[3], Ok(Settled::AlreadySettled)), "named twice, settled once");
        assert_eq!(queue.test.number("SELECT count(*) FROM finished_messages").await, 2);
        assert_eq!(queue.claim(9).await.len(), 3);
        let done = queue.status(&leases[2].message_id).await.state;
        assert_eq!(done, MessageState::Done { at: queue.test.now() });
    }
}
