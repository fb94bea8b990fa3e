//! Whoever is paused waits, and goes on where it stopped.

use super::driver::{Driver, acme, conversations, tenants};
use agent_factory::domain::AgentKey;
use agent_factory::queue::{self, MessageState};
use agent_factory_tests::database::conversation;
use agent_factory_tests::store_cases;

async fn pause(queue: &Driver, id: &'static str) -> bool {
    queue
        .write(move |tx| {
            Box::pin(async move {
                queue::pause_conversation(tx, &acme(), &conversation(id), "why").await
            })
        })
        .await
}

async fn go_on(queue: &Driver, id: &'static str) -> bool {
    queue
        .write(move |tx| {
            Box::pin(
                async move { queue::resume_conversation(tx, &acme(), &conversation(id)).await },
            )
        })
        .await
}

async fn pause_tenant(queue: &Driver) -> bool {
    queue
        .write(|tx| Box::pin(async move { queue::pause_tenant(tx, &acme(), "unpaid").await }))
        .await
}

async fn resume_tenant(queue: &Driver) -> bool {
    queue
        .write(|tx| Box::pin(async move { queue::resume_tenant(tx, &acme()).await }))
        .await
}

fn held(reason: &str) -> MessageState {
    MessageState::Queued {
        not_before: None,
        held: Some(reason.to_owned()),
    }
}

store_cases! {
    async fn a_paused_conversation_keeps_its_messages_in_order_and_holds_up_no_other(test) {
        let queue = Driver::new(test).await;
        let first = queue.enqueue("a", "1").await;
        assert!(pause(&queue, "a").await);
        let second = queue.enqueue("a", "2").await;
        queue.enqueue("b", "1").await;
        assert_eq!(queue.claim_only().await.lease.conversation_id.as_str(), "b");
        assert_eq!(queue.status(&first).await.state, held("why"));
        assert!(go_on(&queue, "a").await);
        for id in [first, second] {
            let claimed = queue.claim_only().await;
            assert_eq!(claimed.lease.message_id, id);
            queue.complete(&claimed.lease).await.unwrap();
        }
    }

    async fn a_conversation_paused_while_a_turn_runs_waits_once_that_has_ended(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        queue.enqueue("a", "2").await;
        let lease = queue.claim_only().await.lease;
        assert!(pause(&queue, "a").await);
        queue.check(&lease).await.unwrap();
        queue.complete(&lease).await.unwrap();
        assert!(queue.claim(9).await.is_empty());
        assert!(go_on(&queue, "a").await);
        queue.claim_only().await;
    }

    async fn an_idle_conversation_may_be_paused_before_its_next_message(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let lease = queue.claim_only().await.lease;
        queue.complete(&lease).await.unwrap();
        assert!(pause(&queue, "a").await);
        queue.enqueue("a", "2").await;
        assert!(queue.claim(9).await.is_empty());
        assert!(go_on(&queue, "a").await);
        queue.claim_only().await;
        assert!(!pause(&queue, "nowhere").await && !go_on(&queue, "nowhere").await);
    }

    async fn a_paused_tenant_waits_and_its_neighbours_do_not(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let waits = queue.enqueue("a", "1").await;
        assert!(pause_tenant(&queue).await);
        queue.enqueue("b", "1").await;
        queue.enqueue_of("other", "c").await;
        let claimed = queue.claim(9).await;
        assert_eq!(tenants(&claimed), ["other"]);
        assert_eq!(queue.status(&waits).await.state, held("unpaid"));
        assert!(resume_tenant(&queue).await);
        let claimed = queue.claim(9).await;
        assert_eq!(conversations(&claimed).len(), 2);
    }

    async fn what_is_held_for_two_reasons_waits_until_both_are_gone(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("a", "1").await;
        let id = queue.enqueue("b", "1").await;
        let lease = queue.claim(1).await.remove(0).lease;
        queue.hold(&lease, "no key").await.unwrap();
        assert!(pause_tenant(&queue).await && pause(&queue, "b").await);
        assert!(queue.resume().await);
        assert!(queue.claim(9).await.is_empty(), "the tenant is paused still");
        assert!(resume_tenant(&queue).await);
        assert_eq!(conversations(&queue.claim(9).await), ["a"], "b is paused by itself");
        assert_eq!(queue.status(&id).await.state, held("why"));
        assert!(go_on(&queue, "b").await);
        assert_eq!(conversations(&queue.claim(9).await), ["b"]);
    }

    async fn a_held_agent_of_a_resumed_tenant_waits_on(test) {
        let queue = Driver::new(test).await;
        let sales: AgentKey = "sales".parse().unwrap();
        queue.test.agent("acme", "sales").await;
        queue.enqueue("a", "1").await;
        queue.enqueue_as(queue::Enqueue { agent_key: sales.clone(), ..queue.message("s", "1") }).await;
        queue.write(move |tx| Box::pin(async move { queue::hold_agent(tx, &acme(), &sales, "no key").await })).await;
        assert!(pause_tenant(&queue).await);
        assert!(queue.claim(9).await.is_empty());
        assert!(resume_tenant(&queue).await);
        assert_eq!(conversations(&queue.claim(9).await), ["a"]);
        assert_eq!(queue.test.number("SELECT count(*) FROM agent_profiles WHERE resuming = 1").await, 0);
    }

    async fn the_first_reason_stays_and_to_pause_what_is_not_there_says_so(test) {
        let queue = Driver::new(test).await;
        assert!(pause_tenant(&queue).await);
        let again = queue.write(|tx| Box::pin(async move { queue::pause_tenant(tx, &acme(), "other").await })).await;
        assert!(again);
        let id = queue.enqueue("a", "1").await;
        assert_eq!(queue.status(&id).await.state, held("unpaid"));
        let nobody = queue.write(|tx| Box::pin(async move {
            queue::pause_tenant(tx, &"nobody".parse().unwrap(), "why").await
        })).await;
        assert!(!nobody);
    }
}
