//! Finished messages are kept for a while, and then nothing of them is.

use super::driver::{Driver, acme};
use agent_factory::domain::MessageId;
use agent_factory::queue::{self, Enqueue, MessageFilter, Retry};
use agent_factory_tests::store_cases;
use std::time::Duration;

const KEPT: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);

async fn forget(queue: &Driver, after: &'static str, most: u32) -> Option<(String, u64)> {
    let forgotten = queue.write(move |tx| {
        Box::pin(async move { queue::forget_finished(tx, KEPT, after, most).await })
    });
    forgotten
        .await
        .map(|(tenant, count)| (tenant.into(), count))
}

async fn done(queue: &Driver, conversation: &str, source_id: &str) -> MessageId {
    let message = queue.message(conversation, "hi");
    let source_id = Some(source_id.to_owned());
    let id = queue
        .enqueue_as(Enqueue {
            source_id,
            ..message
        })
        .await;
    let lease = queue.claim_only().await.lease;
    queue.complete(&lease).await.unwrap();
    id
}

async fn listed(queue: &Driver, filter: MessageFilter) -> Vec<MessageId> {
    let mut all = Vec::new();
    loop {
        let (filter, after) = (
            filter.clone(),
            all.last().map(|it: &queue::Listed| it.place.clone()),
        );
        let page = queue
            .write(move |tx| {
                Box::pin(
                    async move { queue::messages(tx, &acme(), &filter, after.as_ref(), 2).await },
                )
            })
            .await;
        if page.is_empty() {
            return all.into_iter().map(|it| it.message_id).collect();
        }
        all.extend(page);
    }
}

store_cases! {
    async fn a_finished_message_is_kept_to_the_millisecond_and_a_repeat_is_known_for_as_long(test) {
        let queue = Driver::new(test).await;
        let id = done(&queue, "a", "1").await;
        queue.test.advance(KEPT - MOMENT).await;
        assert_eq!(forget(&queue, "", 10).await, None);
        let repeat = || Enqueue { source_id: Some("1".to_owned()), ..queue.message("a", "hi") };
        assert_eq!(queue.enqueue_as(repeat()).await, id);
        queue.test.advance(MOMENT).await;
        assert_eq!(forget(&queue, "", 10).await, Some(("acme".to_owned(), 1)));
        assert!(queue.status_in("acme", &id).await.is_none());
        assert_ne!(queue.enqueue_as(repeat()).await, id);
    }

    async fn a_step_forgets_the_oldest_of_one_tenant_up_to_its_bound(test) {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        for number in ["1", "2", "3"] {
            done(&queue, "a", number).await;
            queue.test.advance(MOMENT).await;
        }
        queue.enqueue_of("other", "b").await;
        let lease = queue.claim_only().await.lease;
        queue.complete(&lease).await.unwrap();
        queue.test.advance(KEPT).await;
        assert_eq!(forget(&queue, "", 2).await, Some(("acme".to_owned(), 2)));
        assert_eq!(forget(&queue, "", 2).await, Some(("acme".to_owned(), 1)));
        assert_eq!(forget(&queue, "acme", 2).await, Some(("other".to_owned(), 1)));
        assert_eq!(forget(&queue, "other", 2).await, None);
        assert_eq!(forget(&queue, "", 2).await, None);
    }

    async fn what_waits_and_what_was_given_up_is_never_forgotten(test) {
        let queue = Driver::new(test).await;
        queue.enqueue("dead", "hi").await;
        let lease = queue.claim_only().await.lease;
        queue.fail(&lease, Retry::Never).await.unwrap();
        queue.enqueue("waits", "hi").await;
        queue.test.advance(KEPT * 1000).await;
        assert_eq!(forget(&queue, "", 10).await, None);
        assert_eq!(queue.test.number("SELECT count(*) FROM message_queue").await, 2);
    }

    async fn lists_show_each_message_where_it_is_page_by_page(test) {
        let queue = Driver::new(test).await;
        let mut finished = vec![done(&queue, "a", "1").await];
        queue.test.advance(MOMENT).await;
        finished.insert(0, done(&queue, "b", "2").await);
        let mut queued = Vec::new();
        for conversation in ["a", "b", "c"] {
            for text in ["1", "2"] {
                queued.push(queue.enqueue(conversation, text).await);
            }
        }
        assert_eq!(listed(&queue, MessageFilter::Queued(None)).await, queued);
        let processing: Vec<_> = queue.claim(2).await.into_iter().map(|it| it.lease.message_id).collect();
        assert_eq!(listed(&queue, MessageFilter::Processing).await, processing);
        queued.retain(|id| !processing.contains(id));
        assert_eq!(listed(&queue, MessageFilter::Queued(None)).await, queued);
        let of_c = MessageFilter::Queued(Some("c".parse().unwrap()));
        assert_eq!(listed(&queue, of_c).await, queued[2..]);
        assert_eq!(listed(&queue, MessageFilter::Finished).await, finished);
    }
}
