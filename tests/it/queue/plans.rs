//! How the database runs what runs most: by its indexes, and never over all messages.

use super::driver::{Driver, request};
use agent_factory::state::receipts;
use agent_factory::store::Sql;
use agent_factory::{outbox, queue::sql};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::store_cases;

/// Every statement of the two queues that runs while work goes on.
fn hot() -> Vec<(&'static str, Sql)> {
    vec![
        ("look before enqueue", sql::LOOK_BEFORE_ENQUEUE),
        ("give up sources", sql::GIVE_UP_SOURCES),
        ("busy", sql::BUSY),
        ("first heads", sql::FIRST_HEADS),
        ("release", sql::RELEASE),
        ("rehead", sql::REHEAD),
        ("pass", sql::PASS),
        ("look for work of time", sql::LOOK_FOR_WORK_OF_TIME.into()),
        ("promote", sql::PROMOTE),
        ("expired", sql::EXPIRED),
        ("resuming", sql::RESUMING),
        ("held conversations", sql::HELD_CONVERSATIONS),
        ("look before claim", sql::LOOK_BEFORE_CLAIM),
        ("tenants in turn", sql::TENANTS_IN_TURN.into()),
        ("ready", sql::READY),
        ("park", sql::PARK),
        ("lease", sql::LEASE),
        ("look", sql::LOOK),
        ("lock", sql::LOCK),
        ("lock leases", sql::LOCK_LEASES),
        ("leases", sql::LEASES),
        ("extend", sql::EXTEND),
        ("payloads", sql::PAYLOADS),
        ("started", sql::STARTED),
        ("finish", sql::FINISH),
        ("completed before", sql::COMPLETED_BEFORE),
        ("put back", sql::PUT_BACK),
        ("message status", sql::MESSAGE_STATUS.into()),
        ("finished status", sql::FINISHED_STATUS.into()),
        ("stats of tenant", sql::STATS_OF_TENANT.into()),
        ("conversations", sql::CONVERSATIONS),
        ("dead letters to replay", sql::DEAD_LETTERS_TO_REPLAY.into()),
        ("dead letters in order", sql::DEAD_LETTERS_IN_ORDER),
        ("last places", sql::TAKE_LAST_PLACES),
        ("finished before", sql::FINISHED_BEFORE.into()),
        ("lane look", outbox::sql::LOOK_FOR_WORK_OF_TIME.into()),
        ("lane promote", outbox::sql::PROMOTE),
        ("lane expired", outbox::sql::EXPIRED),
        ("lane release", outbox::sql::RELEASE),
        ("ready lanes", outbox::sql::READY_LANES),
        ("lane lease", outbox::sql::LEASE),
        ("lane pending", outbox::sql::PENDING),
        ("lane lock", outbox::sql::LOCK.into()),
        ("replies", outbox::sql::REPLIES_OF.into()),
        ("receipts", receipts::sql::STORE),
        ("receipts of tenant", receipts::sql::OF_TENANT.into()),
        ("last receipt", receipts::sql::LAST_LOOKED_AT.into()),
        ("receipts of message", receipts::sql::OF_MESSAGE.into()),
        ("receipts to forget", receipts::sql::NEXT_TO_FORGET.into()),
        ("forget receipts", receipts::sql::FORGET.into()),
    ]
}

/// Steps that walk a whole table or index, but for the batch a statement was given, its own common table, and
/// indexes that hold only what there is to do.
fn walks(plan: &str) -> Vec<&str> {
    const ALLOWED: [&str; 9] = [
        "SCAN j VIRTUAL TABLE INDEX 1:",
        "SCAN b",
        "SCAN behind",
        "SCAN before",
        "SCAN turns",
        "SCAN moment",
        "SCAN CONSTANT ROW",
        "SCAN looked_at",
        // The one row of the counter of fences.
        "SCAN f",
    ];
    plan.lines()
        .filter(|step| step.starts_with("SCAN") && !ALLOWED.contains(step))
        .filter(|step| !step.ends_with("INDEX agent_profiles_resuming"))
        // What the statement itself has found.
        .filter(|step| !step.starts_with("SCAN (subquery"))
        .collect()
}

/// Indexes that a plan of PostgreSQL walks from end to end, but for those that hold only what there is to do.
fn walked(plan: &str) -> Vec<&str> {
    const ONLY_WHAT_IS_TO_BE_DONE: [&str; 3] =
        ["agent_profiles_resuming", "heads_waiting", "leases_until"];
    let lines: Vec<&str> = plan.lines().collect();
    let scans = lines.windows(2).filter_map(|pair| {
        let index = pair[0].split_once("Scan using ")?.1.split(' ').next()?;
        let bounded = pair[1].trim_start().starts_with("Index Cond");
        (!bounded && !ONLY_WHAT_IS_TO_BE_DONE.contains(&index)).then_some(pair[0].trim())
    });
    scans.collect()
}

#[tokio::test]
async fn no_statement_of_the_daily_work_walks_a_table_of_sqlite() {
    let test = TestDatabase::sqlite().await;
    let mut sorting = Vec::new();
    for (name, statement) in hot() {
        let plan = test.plan(statement.sqlite).await;
        assert_eq!(walks(&plan), Vec::<&str>::new(), "{name}:\n{plan}");
        if plan.contains("TEMP B-TREE") {
            sorting.push(name);
        }
    }
    assert_eq!(sorting, SORT_A_FEW);
}

/// Statements that sort what a bounded batch or a bounded step has found; no other sorts anything.
const SORT_A_FEW: [&str; 6] = [
    "look before enqueue",
    "tenants in turn",
    "ready",
    // Those of one moment.
    "dead letters to replay",
    "dead letters in order",
    "lane pending",
];

#[tokio::test]
async fn no_statement_of_the_daily_work_walks_a_table_of_postgresql() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let more = [
        ("lock conversations", sql::LOCK_CONVERSATIONS.into()),
        ("lock heads", sql::LOCK_HEADS.into()),
        ("settle", sql::SETTLE.into()),
        ("lane lock", outbox::sql::LOCK_LANES.into()),
    ];
    for (name, statement) in hot().into_iter().chain(more) {
        let plan = test.generic_plan(statement.postgres).await;
        assert!(plan.contains("Scan"), "{name}:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        assert_eq!(walked(&plan), Vec::<&str>::new(), "{name}:\n{plan}");
    }
    let plan = test.generic_plan(sql::READY.postgres).await;
    let condition = "(pool = $1) AND (suspect = $2) AND (tenant_id = (e.value ->> 0))";
    assert!(
        plan.contains("heads_ready") && plan.contains(condition),
        "{plan}"
    );
}

/// What is planned while there is next to nothing, and runs while there is much: each row is looked up all the same.
#[tokio::test]
async fn a_plan_made_while_the_tables_are_empty_walks_none_of_them() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let queue = Driver::new(test).await;
    for left in 0..2 {
        for number in 0..50 {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
        for lease in queue.claim(50).await {
            queue.complete(&lease.lease).await.unwrap();
        }
        for conversation in ["one", "two"].iter().take(2 * left) {
            queue.enqueue(conversation, "hi").await;
        }
        assert_eq!(queue.claim(1).await.len(), left);
        queue.test.vacuum().await;
        for (name, statement) in [
            ("busy", sql::BUSY.postgres),
            ("lease", sql::LEASE.postgres),
            ("park", sql::PARK.postgres),
            ("look", sql::LOOK.postgres),
            ("lock leases", sql::LOCK_LEASES.postgres),
            ("lock", sql::LOCK.postgres),
            ("release", sql::RELEASE.postgres),
            ("settle", sql::SETTLE),
            ("lock heads", sql::LOCK_HEADS),
            ("rehead", sql::REHEAD.postgres),
            ("pass", sql::PASS.postgres),
            ("conversations", sql::CONVERSATIONS.postgres),
            ("leases", sql::LEASES.postgres),
            ("extend", sql::EXTEND.postgres),
            ("started", sql::STARTED.postgres),
            ("payloads", sql::PAYLOADS.postgres),
            ("finish", sql::FINISH.postgres),
            ("put back", sql::PUT_BACK.postgres),
        ] {
            let plan = queue.test.generic_plan(statement).await;
            assert!(!plan.contains("Seq Scan"), "{name}, {left} left:\n{plan}");
            assert_eq!(
                walked(&plan),
                Vec::<&str>::new(),
                "{name}, {left} left:\n{plan}"
            );
            // Only a part of an index's columns is as good as none.
            assert!(
                !plan.contains("heads_ready"),
                "{name}, {left} left:\n{plan}"
            );
        }
    }
}

#[tokio::test]
async fn a_claim_finds_tenants_and_conversations_by_the_index_of_ready_ones() {
    let test = TestDatabase::sqlite().await;
    for statement in [sql::TENANTS_IN_TURN, sql::READY.sqlite] {
        let plan = test.plan(statement).await;
        assert!(
            plan.contains("INDEX heads_ready (pool=? AND suspect=? AND tenant_id"),
            "{plan}"
        );
    }
    let plan = test.plan(sql::RELEASE.sqlite).await;
    assert!(
        plan.contains("SEARCH q USING INDEX message_queue_head"),
        "{plan}"
    );
}

store_cases! {
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
