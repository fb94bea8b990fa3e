//! How the database runs what runs most: by its indexes, and never over all messages.

use super::driver::{Driver, request};
use agent_factory::{outbox, queue::sql};
use agent_factory_tests::store_cases;

/// Every statement of the two queues that runs while work goes on.
const HOT: [(&str, &str); 28] = [
    ("look before enqueue", sql::LOOK_BEFORE_ENQUEUE),
    ("rehead", sql::REHEAD),
    ("look for work of time", sql::LOOK_FOR_WORK_OF_TIME),
    ("promote", sql::PROMOTE),
    ("expired", sql::EXPIRED),
    ("resuming", sql::RESUMING),
    ("held conversations", sql::HELD_CONVERSATIONS),
    ("turn", sql::TURN),
    ("tenants in turn", sql::TENANTS_IN_TURN),
    ("heads", sql::HEADS),
    ("lease", sql::LEASE),
    ("begin processing", sql::BEGIN_PROCESSING),
    ("lock", sql::LOCK),
    ("leases", sql::LEASES),
    ("extend", sql::EXTEND),
    ("complete", sql::COMPLETE),
    ("put back", sql::PUT_BACK),
    ("message status", sql::MESSAGE_STATUS),
    ("stats of tenant", sql::STATS_OF_TENANT),
    ("lane look", outbox::sql::LOOK_FOR_WORK_OF_TIME),
    ("lane promote", outbox::sql::PROMOTE),
    ("lane expired", outbox::sql::EXPIRED),
    ("lane release", outbox::sql::RELEASE),
    ("ready lanes", outbox::sql::READY_LANES),
    ("lane lease", outbox::sql::LEASE),
    ("lane pending", outbox::sql::PENDING),
    ("lane lock", outbox::sql::LOCK),
    ("replies", outbox::sql::REPLIES_OF),
];

/// Steps that walk a whole table or index, but for the batch a statement was given, its own common table, and
/// indexes that hold only what there is to do.
fn walks(plan: &str) -> Vec<&str> {
    const ALLOWED: [&str; 7] = [
        "SCAN j VIRTUAL TABLE INDEX 1:",
        "SCAN b",
        "SCAN behind",
        "SCAN before",
        "SCAN turns",
        "SCAN one",
        "SCAN CONSTANT ROW",
    ];
    plan.lines()
        .filter(|step| step.starts_with("SCAN") && !ALLOWED.contains(step))
        .filter(|step| !step.ends_with("INDEX agent_profiles_resuming"))
        .collect()
}

store_cases! {
    async fn no_statement_of_the_daily_work_walks_a_table(test) {
        for (name, statement) in HOT {
            let plan = test.plan(statement).await;
            assert_eq!(walks(&plan), Vec::<&str>::new(), "{name}:\n{plan}");
        }
    }

    async fn a_claim_finds_tenants_and_conversations_by_the_index_of_ready_ones(test) {
        for statement in [sql::TENANTS_IN_TURN, sql::HEADS] {
            let plan = test.plan(statement).await;
            assert!(plan.contains("INDEX conversations_ready (pool=? AND suspect=? AND tenant_id"), "{plan}");
        }
        let plan = test.plan(sql::HEADS).await;
        assert!(plan.contains("SEARCH q USING INDEX message_queue_head"), "{plan}");
    }

    async fn a_claim_among_a_thousand_conversations_with_a_hot_one_takes_each_in_its_turn(test) {
        let queue = Driver::new(test).await;
        for number in 0..1000 {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        for _ in 0..1000 {
            queue.enqueue("c0", "more").await;
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10 {
            for claimed in queue.claim_as(request("busy", 100, 1)).await.claimed {
                assert!(seen.insert(claimed.lease.conversation_id), "one in flight in a conversation");
            }
        }
        assert_eq!(seen.len(), 1000);
    }
}
