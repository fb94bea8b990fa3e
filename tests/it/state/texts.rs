//! Texts that guests make up, and memory that two turns append to at once.

use crate::queue::driver::Driver;
use agent_factory::domain::{Channel, DocumentPath, HistoryMessage, Lease, Part, Role};
use agent_factory::outbox::{self, OutboxItem};
use agent_factory::queue::{self, LeaseError, MessageState, Retry};
use agent_factory::state::{history, memory};
use agent_factory::store::StoreError;
use agent_factory_tests::store_cases;
use std::sync::Arc;
use tokio::task::JoinSet;

fn note() -> DocumentPath {
    "memory/2023-11-14.md".parse().unwrap()
}

fn said(text: &str) -> HistoryMessage {
    HistoryMessage {
        role: Role::Assistant,
        parts: vec![Part::Text(text.to_owned())],
        at: None,
    }
}

/// Complete with a line of memory, as a turn does.
async fn remember(queue: &Driver, lease: Lease, line: String) -> Result<(), LeaseError> {
    queue
        .db()
        .write(move |tx| {
            Box::pin(async move {
                queue::complete(tx, &lease).await?;
                let now = tx.now().await?;
                Ok(memory::append(tx, &lease, now, &note(), &[line]).await?)
            })
        })
        .await
}

store_cases! {
    async fn a_text_with_a_character_0_harms_no_completion(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "a\0b").await;
        let lease = queue.claim_only().await.lease;
        let (copy, ids) = (lease.clone(), queue.test.ids.clone());
        let stored: Result<_, LeaseError> = queue.db().write(move |tx| Box::pin(async move {
            queue::complete(tx, &copy).await?;
            let now = tx.now().await?;
            let messages = [said("first"), said("nul \0 \u{1} \u{fffd} é")];
            history::append(tx, &copy, now, &messages).await?;
            memory::append(tx, &copy, now, &note(), &["a\0b".to_owned()]).await?;
            let item = OutboxItem { channel: Channel::Api, body: "a\0b".to_owned() };
            outbox::insert(tx, &ids, &copy, &[item]).await?;
            Ok(history::window(tx, &copy, 10, 1 << 20).await?)
        })).await;
        let texts: Vec<_> = stored.unwrap().into_iter().map(|message| message.parts).collect();
        assert_eq!(texts, [said("first").parts, said("nul \0 \u{1} \u{fffd} é").parts]);
        assert_eq!(queue.status(&id).await.state, MessageState::Done { at: queue.test.now() });
        let replies: Result<_, StoreError> = queue.db().read(move |tx| Box::pin(async move {
            outbox::replies_of(tx, &lease.tenant_id, &lease.message_id).await
        })).await;
        assert_eq!(replies.unwrap()[0].body, "ab");
        let bytes = "SELECT CAST(length(content) AS BIGINT) FROM workspace_documents";
        assert_eq!(queue.test.number(bytes).await, 3);
    }

    async fn an_error_with_a_character_0_harms_no_failure(test) {
        let queue = Driver::new(test).await;
        let id = queue.enqueue("c", "hi").await;
        let lease = queue.claim_only().await.lease;
        let (policy, ids) = (queue.policy.clone(), queue.test.ids.clone());
        let failed: Result<_, LeaseError> = queue.db().write(move |tx| Box::pin(async move {
            queue::fail(tx, &policy, &ids, &lease, "a\0b", Retry::Backoff).await
        })).await;
        failed.unwrap();
        assert_eq!(queue.status(&id).await.last_error.as_deref(), Some("ab"));
    }

    async fn turns_of_two_conversations_that_remember_at_once_lose_nothing(test) {
        let queue = Arc::new(Driver::new(test).await);
        for number in 0..20 {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        let mut turns = JoinSet::new();
        for (number, claimed) in queue.claim(20).await.into_iter().enumerate() {
            let queue = Arc::clone(&queue);
            turns.spawn(async move {
                remember(&queue, claimed.lease, format!("line {number}")).await.unwrap();
            });
        }
        assert_eq!(turns.join_all().await.len(), 20);
        let lines = "SELECT CAST(length(content) - length(replace(content, 'line', '')) AS BIGINT)
            FROM workspace_documents";
        assert_eq!(queue.test.number(lines).await, 20 * 4);
    }

    async fn turns_of_a_held_agent_that_remember_at_once_do_not_wait_for_each_other_for_ever(test) {
        let queue = Arc::new(Driver::new(test).await);
        for number in 0..21 {
            queue.enqueue(&format!("c{number:02}"), "hi").await;
            queue.enqueue(&format!("c{number:02}"), "next").await;
        }
        let mut claimed = queue.claim(21).await;
        queue.hold(&claimed.remove(0).lease, "why").await.unwrap();
        let mut turns = JoinSet::new();
        for claimed in claimed {
            let queue = Arc::clone(&queue);
            turns.spawn(async move { remember(&queue, claimed.lease, "line".to_owned()).await });
        }
        for answer in turns.join_all().await {
            answer.unwrap();
        }
        assert_eq!(queue.pool_stats().await.held, 21);
    }
}
