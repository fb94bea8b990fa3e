//! What is accepted, and what is not.

use super::driver::Driver;
use agent_factory::domain::Pool;
use agent_factory::queue::{ClaimRequest, Enqueue, EnqueueError, MessageState, Priority};
use agent_factory::store::Topic;
use agent_factory_tests::database::payload;
use agent_factory_tests::store_cases;
use std::time::Duration;
use tokio::task::JoinSet;

store_cases! {
    async fn an_accepted_message_waits_with_what_it_was_given(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hello").await;
        let status = queue.status(&id).await;
        assert_eq!(status.state, MessageState::Queued { not_before: None, held: None });
        assert_eq!((status.attempts, status.max_attempts), (0, 3));
        assert_eq!(status.enqueued_at, queue.test.now());
        let claimed = queue.claim_only().await;
        let started = queue.start(&claimed.lease).await.unwrap();
        assert_eq!(started.payload, payload("hello"));
        assert_eq!(started.trace_id.as_str(), crate::queue::driver::TRACE);
    }

    async fn the_same_message_fifty_times_at_once_is_one_message(test) {
        let queue = std::sync::Arc::new(Driver::new(test).await);
        let mut arrivals = JoinSet::new();
        for copy in 0..50 {
            let queue = std::sync::Arc::clone(&queue);
            arrivals.spawn(async move {
                let message = queue.message("c", &format!("copy {copy}"));
                let message = Enqueue { source_id: Some("update-7".to_owned()), ..message };
                queue.try_enqueue(message).await.unwrap()
            });
        }
        let arrived = arrivals.join_all().await;
        assert_eq!(arrived.iter().filter(|message| !message.duplicate).count(), 1);
        assert!(arrived.iter().all(|message| message.message_id == arrived[0].message_id));
        assert_eq!(queue.test.number("SELECT count(*) FROM message_queue").await, 1);
        assert_eq!(queue.test.number("SELECT next_seq FROM conversations").await, 2);
    }

    async fn a_repeat_changes_nothing_even_after_its_message_is_done(test) {
        let queue = Driver::new(test).await;
        let message = Enqueue { source_id: Some("1".to_owned()), ..queue.message("c", "hi") };
        let first = queue.enqueue_as(message.clone()).await;
        queue.complete(&queue.claim_only().await.lease).await.unwrap();
        let elsewhere = Enqueue { conversation_id: "other".parse().unwrap(), ..message.clone() };
        for repeat in [message, elsewhere] {
            let repeat = queue.try_enqueue(repeat).await.unwrap();
            assert!(repeat.duplicate);
            assert_eq!(repeat.message_id, first);
        }
        assert!(queue.claim(9).await.is_empty());
        assert_eq!(queue.test.number("SELECT count(*) FROM conversations").await, 1);
    }

    async fn the_same_id_from_another_source_or_tenant_is_another_message(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let message = Enqueue { source_id: Some("1".to_owned()), ..queue.message("c", "hi") };
        let other_bot = Enqueue { source: "telegram:2".to_owned(), ..message.clone() };
        let other_tenant = Enqueue { tenant_id: "other".parse().unwrap(), ..message.clone() };
        for message in [message, other_bot, other_tenant] {
            assert!(!queue.try_enqueue(message).await.unwrap().duplicate);
        }
    }

    async fn messages_without_an_id_of_their_own_are_never_repeats(test) {
        let queue = Driver::new(test).await;
        assert_ne!(queue.enqueue("c", "same").await, queue.enqueue("c", "same").await);
    }

    async fn a_message_to_no_agent_is_refused(test) {
        let queue = Driver::new(test).await;
        let message = Enqueue { agent_key: "nobody".parse().unwrap(), ..queue.message("c", "hi") };
        let error = queue.try_enqueue(message).await.unwrap_err();
        assert_eq!(error.to_string(), "enqueue: there is no agent nobody; create it first");
    }

    async fn a_message_to_a_disabled_agent_is_refused(test) {
        let queue = Driver::new(test).await;
        queue.test.execute("UPDATE agent_profiles SET enabled = 0").await;
        let error = queue.try_enqueue(queue.message("c", "hi")).await.unwrap_err();
        assert!(matches!(error, EnqueueError::AgentDisabled(agent) if agent.as_str() == "support"));
    }

    async fn a_conversation_never_changes_its_agent(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("acme", "sales").await;
        queue.enqueue("c", "hi").await;
        let message = Enqueue { agent_key: "sales".parse().unwrap(), ..queue.message("c", "hi") };
        let error = queue.try_enqueue(message).await.unwrap_err();
        assert!(matches!(
            error,
            EnqueueError::ConversationBoundToAnotherAgent(agent) if agent.as_str() == "support"
        ));
        assert_eq!(queue.test.number("SELECT next_seq FROM conversations").await, 2);
    }

    async fn a_payload_is_accepted_at_its_largest_and_refused_one_beyond(test) {
        let mut queue = Driver::new(test).await;
        let size = serde_json::to_string(&payload("12345")).unwrap().len();
        queue.policy.max_payload_bytes = size;
        queue.enqueue("c", "12345").await;
        let error = queue.try_enqueue(queue.message("d", "123456")).await.unwrap_err();
        assert!(matches!(
            error,
            EnqueueError::PayloadTooLarge { bytes, max } if bytes == size + 1 && max == size
        ));
        assert_eq!(queue.test.number("SELECT count(*) FROM conversations").await, 1);
    }

    async fn two_tenants_with_the_same_names_see_nothing_of_each_other(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let ours = queue.enqueue("c", "ours").await;
        let theirs = queue.enqueue_of("other", "c").await;
        assert!(queue.status_in("other", &ours).await.is_none());
        assert!(queue.status_in("acme", &theirs).await.is_none());
        let claimed = queue.claim(9).await;
        assert_eq!(super::driver::tenants(&claimed), ["acme", "other"]);
        let forged = agent_factory::domain::Lease {
            tenant_id: "other".parse().unwrap(),
            ..claimed[0].lease.clone()
        };
        queue.complete(&forged).await.unwrap_err();
        queue.complete(&claimed[1].lease).await.unwrap();
        queue.check(&claimed[0].lease).await.unwrap();
    }

    async fn a_message_belongs_to_the_pool_of_its_agent(test) {
        let queue = Driver::new(test).await;
        let pool: Pool = "own".parse().unwrap();
        queue.test.agent_in("big", "support", &pool).await;
        queue.enqueue_of("big", "c").await;
        assert!(queue.claim(9).await.is_empty());
        let request = ClaimRequest { pool, ..super::driver::request("theirs", 9, 0) };
        assert_eq!(queue.claim_as(request).await.claimed.len(), 1);
    }

    async fn a_number_of_attempts_of_zero_is_one(test) {
        let queue = Driver::new(test).await;
        let message = Enqueue { max_attempts: Some(0), ..queue.message("c", "hi") };
        let id = queue.enqueue_as(message).await;
        assert_eq!(queue.status(&id).await.max_attempts, 1);
    }

    async fn those_who_wait_for_work_hear_of_a_message(test) {
        let queue = Driver::new(test).await;
        let mut listener = queue.db().signals().listen(Topic::Queue);
        queue.enqueue("c", "hi").await;
        listener.changed(Duration::MAX).await;
    }

    async fn a_message_of_higher_priority_does_not_overtake_in_its_conversation(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "first").await;
        let urgent = Enqueue { priority: Some(Priority::clamped(100)), ..queue.message("c", "2") };
        queue.enqueue_as(urgent).await;
        assert_eq!(queue.claim_only().await.lease.message_id, first);
    }
}
