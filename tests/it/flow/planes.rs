//! Two control planes on one database at once.

use agent_factory::queue::{MessageState, MessageStatus};
use agent_factory::store::{StoreError, Topic};
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{built, on_either};
use std::collections::BTreeMap;
use std::time::Duration;

const TENANTS: [&str; 2] = ["ada", "bob"];
const CONVERSATIONS: usize = 5;
const EACH: usize = 12;
/// Maintenance all the time.
const BUSY: [(&str, &str); 1] = [("maintenance.every_ms", "100")];

async fn number(factory: &Factory, sql: &'static str) -> i64 {
    let number: Result<i64, StoreError> = factory
        .db()
        .read(move |tx| {
            Box::pin(async move {
                let number = on_either!(tx, |conn| sqlx::query_scalar(sql).fetch_one(conn).await);
                Ok(number?)
            })
        })
        .await;
    number.expect("a number")
}

/// Who leads by now, under which fence.
async fn leader(factory: &Factory) -> Option<(i64, String)> {
    const SQL: &str = "SELECT fence, holder FROM leaderships WHERE holder IS NOT NULL";
    let found: Result<_, StoreError> = factory
        .db()
        .read(|tx| {
            Box::pin(async move {
                let found = on_either!(tx, |conn| sqlx::query_as(SQL).fetch_optional(conn).await);
                Ok(found?)
            })
        })
        .await;
    found.expect("an answer")
}

/// Wait for a leader of a fence beyond `former`.
async fn next_leader(factory: &Factory, former: i64) -> (i64, String) {
    let mut changed = factory.db().signals().listen(Topic::Leadership);
    for _ in 0..60 {
        if let Some((fence, holder)) = leader(factory).await
            && fence > former
        {
            return (fence, holder);
        }
        changed.changed(Duration::from_secs(1)).await;
    }
    panic!("nobody took the lead after {former}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_control_planes_settle_each_message_once_and_in_order_under_one_leader_at_a_time() {
    let Some(one) = Factory::postgres_with(&BUSY).await else {
        return;
    };
    let two = one.another(&BUSY, 2).await;
    for tenant in TENANTS {
        one.agent(tenant, "hostile-engine", &built::demo_workspace())
            .await;
    }
    let first = one.lead();
    let (fence, holder) = next_leader(&one, 0).await;
    let mut leaders = BTreeMap::from([(fence, holder)]);
    let second = two.lead();
    let (at_one, at_two) = (one.work(), two.work());
    let mut first = Some(first);
    let mut messages = Vec::new();
    for round in 0..EACH {
        if round == EACH / 2
            && let Some(first) = first.take()
        {
            // An orderly stop in the middle of the load: the other one leads at once.
            first.stop().await;
            let (fence, holder) = next_leader(&two, fence).await;
            leaders.insert(fence, holder);
        }
        for conversation in 0..CONVERSATIONS {
            for tenant in TENANTS {
                let plane = if (round + conversation) % 2 == 0 {
                    &one
                } else {
                    &two
                };
                let text = format!("echo {round}");
                let message = plane
                    .enqueue(tenant, &format!("c{conversation}"), &text)
                    .await;
                messages.push((tenant, message));
            }
        }
        if let Some((fence, holder)) = leader(&one).await {
            let known = leaders.entry(fence).or_insert_with(|| holder.clone());
            assert_eq!(*known, holder, "two leaders under fence {fence}");
        }
    }
    let done = |status: &MessageStatus| matches!(status.state, MessageState::Done { .. });
    for (tenant, message) in &messages {
        one.await_status(tenant, message, done).await;
    }
    at_one.stop().await;
    at_two.stop().await;
    second.stop().await;

    assert_eq!(leaders.len(), 2, "each led once: {leaders:?}");
    assert_eq!(leader(&one).await, None, "both have given the lead up");
    let all = i64::try_from(messages.len()).expect("a few");
    for (what, sql, expected) in [
        ("messages done", "SELECT count(*) FROM finished_messages WHERE outcome = 'done'", all),
        ("failed attempts", "SELECT count(*) FROM finished_messages WHERE attempts > 0", 0),
        ("turns", "SELECT count(*) FROM receipts", all),
        ("replies", "SELECT count(*) FROM outbox", all),
        ("messages in histories", "SELECT count(*) FROM conversation_messages WHERE role = 'user'", all),
        (
            "messages out of order",
            "SELECT count(*) FROM conversation_messages a
             JOIN conversation_messages b ON b.tenant_id = a.tenant_id AND b.conversation_id = a.conversation_id
                AND b.position > a.position
             JOIN finished_messages first ON first.tenant_id = a.tenant_id AND first.message_id = a.message_id
             JOIN finished_messages second ON second.tenant_id = b.tenant_id AND second.message_id = b.message_id
             WHERE first.seq > second.seq",
            0,
        ),
    ] {
        assert_eq!(number(&one, sql).await, expected, "{what}");
    }
    let mut settled = 0;
    for plane in [&one, &two] {
        let page = plane.app().scrape().text().await;
        let ticks = "agent_factory_singleton_ticks_total{loop=\"maintenance\",outcome=\"done\"}";
        assert!(page.contains(ticks), "{page}");
        assert!(page.contains("agent_factory_leader 0"), "{page}");
        let line = "agent_factory_messages_settled_total{outcome=\"done\"} ";
        let count = page.lines().find_map(|found| found.strip_prefix(line));
        settled += count.map_or(0, |count| count.parse().expect("a number"));
    }
    assert_eq!(settled, all, "what both have counted");
}
