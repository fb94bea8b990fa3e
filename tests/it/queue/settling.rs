//! How a turn ends.

use super::driver::{Driver, conversations};
use agent_factory::domain::{AgentKey, TenantId};
use agent_factory::queue::{
    self, FailOutcome, LONGEST_RETRY_AFTER, LeaseError, MessageState, Retry, Settled,
};
use agent_factory::store::{StoreError, Topic};
use agent_factory_tests::store_cases;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);

store_cases! {
    async fn a_message_is_settled_once_however_often_its_completion_arrives(test) {
        let queue = Arc::new(Driver::new(test).await);
        let id = queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        let mut arrivals = JoinSet::new();
        for _ in 0..50 {
            let (queue, lease) = (Arc::clone(&queue), lease.clone());
            arrivals.spawn(async move { queue.complete(&lease).await.unwrap() });
        }
        let answers = arrivals.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == Settled::Now).count(), 1);
        assert_eq!(queue.status(&id).await.state, MessageState::Done { at: queue.test.now() });
        // Also long after, and after the conversation has gone on.
        queue.enqueue("c", "next").await;
        queue.claim_only().await;
        queue.test.advance(Duration::from_hours(1)).await;
        assert_eq!(queue.complete(&lease).await.unwrap(), Settled::AlreadySettled);
    }

    async fn those_who_wait_for_an_answer_hear_of_a_settled_message_and_of_a_dead_one(test) {
        let queue = Driver::new(test).await;
        let mut listener = queue.db().signals().listen(Topic::Settled);
        queue.enqueue("a", "hi").await;
        queue.enqueue("b", "hi").await;
        let claimed = queue.claim(9).await;
        queue.complete(&claimed[0].lease).await.unwrap();
        listener.changed(Duration::MAX).await;
        queue.fail(&claimed[1].lease, Retry::Never).await.unwrap();
        listener.changed(Duration::MAX).await;
    }

    async fn a_completion_whose_transaction_fails_settles_nothing(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        let copy = lease.clone();
        let failed: Result<(), LeaseError> = queue
            .db()
            .write(move |tx| {
                Box::pin(async move {
                    queue::complete(tx, &copy).await?;
                    Err(LeaseError::Store(StoreError::Closed))
                })
            })
            .await;
        failed.unwrap_err();
        assert_eq!(queue.complete(&lease).await.unwrap(), Settled::Now);
    }

    async fn a_retry_keeps_its_place_and_holds_its_conversation(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "first").await;
        let outcome = queue.fail(&queue.claim_only().await.lease, Retry::Backoff).await.unwrap();
        assert_eq!(outcome, FailOutcome::Requeued { after: SECOND });
        let second = queue.enqueue("c", "second").await;
        assert!(queue.claim(9).await.is_empty());
        queue.test.advance(SECOND).await;
        let again = queue.claim_only().await;
        assert_eq!((&again.lease.message_id, again.attempt), (&first, 2));
        let outcome = queue.fail(&again.lease, Retry::Backoff).await.unwrap();
        assert_eq!(outcome, FailOutcome::Requeued { after: 2 * SECOND });
        queue.test.advance(2 * SECOND).await;
        queue.complete(&queue.claim_only().await.lease).await.unwrap();
        assert_eq!(queue.claim_only().await.lease.message_id, second);
    }

    async fn a_message_has_its_attempts_and_not_one_more(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hi").await;
        for last in [false, false, true] {
            assert!(!queue.is_dead(&id).await);
            queue.test.advance(Duration::from_mins(2)).await;
            let outcome = queue.fail(&queue.claim_only().await.lease, Retry::Backoff).await.unwrap();
            assert_eq!(outcome == FailOutcome::DeadLettered, last);
        }
        let status = queue.status(&id).await;
        assert_eq!((status.attempts, status.last_error.as_deref()), (3, Some("it broke")));
        assert!(queue.is_dead(&id).await);
        assert_eq!(queue.pool_stats().await.dead_letters, 1);
    }

    async fn a_dead_letter_lets_its_conversation_go_on(test) {
        let queue = Driver::new(test).await;
        let dead = queue.enqueue("c", "bad").await;
        let next = queue.enqueue("c", "good").await;
        let outcome = queue.fail(&queue.claim_only().await.lease, Retry::Never).await.unwrap();
        assert_eq!(outcome, FailOutcome::DeadLettered);
        assert!(queue.is_dead(&dead).await);
        assert_eq!(queue.claim_only().await.lease.message_id, next);
    }

    async fn a_turn_may_ask_for_its_own_wait_within_a_bound(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        let outcome = queue.fail(&lease, Retry::After(7 * SECOND)).await.unwrap();
        assert_eq!(outcome, FailOutcome::Requeued { after: 7 * SECOND });
        queue.test.advance(7 * SECOND).await;
        let lease = queue.claim_only().await.lease;
        let outcome = queue.fail(&lease, Retry::After(Duration::MAX)).await.unwrap();
        assert_eq!(outcome, FailOutcome::Requeued { after: LONGEST_RETRY_AFTER });
    }

    async fn work_given_back_is_claimed_again_at_once_as_if_never_begun(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("c", "first").await;
        queue.enqueue("c", "second").await;
        let lease = queue.claim_only().await.lease;
        queue.start(&lease).await.unwrap();
        queue.give_back(&lease).await.unwrap();
        let again = queue.claim_only().await;
        assert_eq!((&again.lease.message_id, again.attempt), (&first, 1));
        // Not started: a worker lost now would cost no attempt.
        queue.test.advance(queue.policy.lease).await;
        assert_eq!(queue.claim_only().await.attempt, 1);
    }

    async fn a_held_agent_s_messages_wait_in_order_and_cost_no_attempt(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let first = queue.enqueue("c", "first").await;
        let second = queue.enqueue("c", "second").await;
        queue.enqueue("d", "ready").await;
        let claimed = queue.claim(1).await;
        queue.start(&claimed[0].lease).await.unwrap();
        queue.hold(&claimed[0].lease, "the key is refused").await.unwrap();
        let later = queue.enqueue("e", "new").await;
        queue.enqueue_of("other", "c").await;
        // Another tenant's agent of the same name works on.
        assert_eq!(super::driver::tenants(&queue.claim(9).await), ["other"]);
        assert_eq!(queue.pool_stats().await.held, 3);
        let status = queue.status(&later).await;
        let held = Some("the key is refused".to_owned());
        assert_eq!(status.state, MessageState::Queued { not_before: None, held });
        assert!(queue.resume().await);
        assert_eq!(conversations(&queue.claim(9).await), ["c", "d", "e"]);
        let status = queue.status(&first).await;
        assert_eq!((status.attempts, status.state), (0, MessageState::Processing));
        assert!(matches!(queue.status(&second).await.state, MessageState::Queued { held: None, .. }));
    }

    async fn a_turn_of_a_held_agent_that_ends_leaves_its_conversation_held(test) {
        let queue = Driver::new(test).await;
        for conversation in ["a", "b"] {
            queue.enqueue(conversation, "1").await;
            queue.enqueue(conversation, "2").await;
        }
        let claimed = queue.claim(9).await;
        queue.hold(&claimed[0].lease, "why").await.unwrap();
        queue.complete(&claimed[1].lease).await.unwrap();
        assert_eq!(queue.pool_stats().await.held, 2);
        assert!(queue.claim(9).await.is_empty());
    }

    async fn the_first_reason_to_hold_an_agent_stays(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("a", "hi").await;
        queue.enqueue("b", "hi").await;
        let claimed = queue.claim(9).await;
        queue.hold(&claimed[0].lease, "first").await.unwrap();
        queue.hold(&claimed[1].lease, "second").await.unwrap();
        let state = queue.status(&id).await.state;
        assert!(matches!(state, MessageState::Queued { held: Some(reason), .. } if reason == "first"));
    }

    async fn a_resumed_agent_s_conversations_are_let_go_a_bounded_number_at_a_time(test) {
        let mut queue = Driver::new(test).await;
        queue.policy.sweep_batch = 2;
        for conversation in ["a", "b", "c", "d", "e"] {
            queue.enqueue(conversation, "hi").await;
        }
        let claimed = queue.claim(1).await;
        queue.hold(&claimed[0].lease, "why").await.unwrap();
        assert!(queue.claim(9).await.is_empty());
        assert_eq!(queue.pool_stats().await.held, 5);
        assert!(queue.resume().await);
        assert_eq!(queue.pool_stats().await.held, 3);
        let next = queue.sweep().await;
        assert_eq!((next.resumed, next.more), (2, true));
        let last = queue.sweep().await;
        assert_eq!((last.resumed, last.more), (1, false));
        assert_eq!(queue.sweep().await.resumed, 0);
        assert_eq!(queue.claim(9).await.len(), 5);
    }

    async fn a_crowd_of_held_conversations_is_parked_without_a_lost_call_for_work(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("acme", "sales").await;
        for number in 0..30 {
            queue.enqueue(&format!("c{number:02}"), "hi").await;
        }
        let sales = queue.message("z", "hi");
        let sales = queue::Enqueue { agent_key: "sales".parse().unwrap(), ..sales };
        queue.enqueue_as(sales).await;
        queue.hold(&queue.claim(1).await[0].lease, "why").await.unwrap();
        // Each claim parks a few and, where it found nothing else, calls whoever waits to look again.
        let mut listener = queue.db().signals().listen(Topic::Queue);
        let mut claimed = queue.claim(1).await;
        while claimed.is_empty() {
            listener.changed(Duration::MAX).await;
            claimed = queue.claim(1).await;
        }
        assert_eq!(conversations(&claimed), ["z"]);
    }

    async fn a_tenant_whose_agent_is_held_passes_its_turn_on_in_the_same_claim(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        queue.enqueue("a", "hi").await;
        queue.enqueue("b", "hi").await;
        queue.hold(&queue.claim(1).await[0].lease, "why").await.unwrap();
        queue.enqueue_of("other", "c").await;
        // One conversation of the held agent is still ready, and its tenant is next in turn.
        queue.test.execute("DELETE FROM claim_turns").await;
        assert_eq!(super::driver::tenants(&queue.claim(1).await), ["other"]);
    }

    async fn to_resume_an_agent_that_is_not_there_says_so(test) {
        let queue = Driver::new(test).await;
        let policy = queue.policy.clone();
        let resumed = queue
            .db()
            .write(move |tx| {
                Box::pin(async move {
                    let (tenant, agent): (TenantId, AgentKey) =
                        ("acme".parse().unwrap(), "nobody".parse().unwrap());
                    queue::resume(tx, &policy, &tenant, &agent).await
                })
            })
            .await
            .unwrap();
        assert!(!resumed);
    }

    async fn a_dead_letter_goes_back_to_the_end_of_its_conversation(test) {
        let queue = Driver::new(test).await;
        let dead = queue.enqueue("c", "bad").await;
        queue.fail(&queue.claim_only().await.lease, Retry::Never).await.unwrap();
        let other = queue.enqueue("c", "other").await;
        assert!(!queue.redrive(&other).await, "only dead letters are");
        assert!(queue.redrive(&dead).await);
        for expected in [other, dead] {
            let claimed = queue.claim_only().await;
            assert_eq!((&claimed.lease.message_id, claimed.attempt), (&expected, 1));
            queue.complete(&claimed.lease).await.unwrap();
        }
    }

    async fn a_completion_and_a_message_that_arrive_together_never_leave_it_stuck(test) {
        let queue = Arc::new(Driver::new(test).await);
        queue.enqueue("c", "0").await;
        for _ in 0..50 {
            let lease = queue.claim_only().await.lease;
            let (one, two) = (Arc::clone(&queue), Arc::clone(&queue));
            let completing = tokio::spawn(async move { one.complete(&lease).await.unwrap() });
            let arriving = tokio::spawn(async move { two.enqueue("c", "next").await });
            completing.await.unwrap();
            arriving.await.unwrap();
        }
        queue.claim_only().await;
    }
}
