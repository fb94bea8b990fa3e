//! What a claim reads does not depend on what else is stored.

use super::driver::{Driver, request};
use agent_factory::queue::sql;
use agent_factory::store::{Connection, StoreError};
use agent_factory_tests::database::TestDatabase;
use serde_json::Value;
use sqlx::{Executor as _, Row as _};

/// Rows of one kind in the crowd.
const CROWD: i64 = 20_000;

/// What a claim runs, each with its arguments: it looks, finds the tenants in turn, locks conversations that are ready and leases
/// them; what an enqueue, a settlement and the sweep run.
fn statements() -> Vec<(&'static str, &'static str, &'static str)> {
    let leased =
        r#"'worker', 1800000000000, 1800000000000, '{acme}', '{c1}', '{1}', '{t}', '{"(0,1)"}'"#;
    let leases = r#"1700000000000, '{acme,acme}', '{d1,d2}'"#;
    let released = r#"1700000000000, '{acme,acme}', '{d1,d2}', '{support,support}', '{default,default}', '{0,0}',
        '{"(0,1)","(0,2)"}'"#;
    let settled = r#"1700000000000, '{acme,acme}', '{d1,d2}', '{support,support}', '{default,default}', '{0,0}',
        '{"(0,1)","(0,2)"}', '{m1,m2}', '{t1,t2}'"#;
    let reheaded = r#"1700000000000, '[["acme","c1"],["acme","c2"],["acme","c3"]]'"#;
    let keys = r#"'[["acme","c1"],["acme","c2"],["acme","c3"]]'"#;
    let arriving = r#"'[["acme","support","c1","test","1"],["acme","support","c2","test",null]]'"#;
    let shares = r#"'default', 0, 1700000000000, 3, '[["acme",3]]'"#;
    vec![
        (
            "look",
            sql::LOOK_BEFORE_CLAIM.postgres,
            "'default', 'worker', 1700000000000",
        ),
        ("tenants", sql::TENANTS_IN_TURN, "'default', 0, '', 3, 100"),
        ("ready", sql::READY.postgres, shares),
        ("lease", sql::LEASE.postgres, leased),
        (
            "look before enqueue",
            sql::LOOK_BEFORE_ENQUEUE.postgres,
            arriving,
        ),
        ("busy", sql::BUSY.postgres, keys),
        ("lock to settle", sql::LOCK.postgres, leases),
        ("release", sql::RELEASE.postgres, released),
        ("settle", sql::SETTLE, settled),
        ("rehead", sql::REHEAD.postgres, reheaded),
        ("next change", sql::NEXT_TURN, ""),
        ("promote", sql::PROMOTE.postgres, "1700000000000, 3"),
        ("expired", sql::EXPIRED.postgres, "1700000000000, 3"),
    ]
}

/// Rows that the scans of a plan produced or threw away, all together.
fn rows_read(plan: &Value) -> f64 {
    let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
    let is_scan = plan["Node Type"]
        .as_str()
        .is_some_and(|kind| kind.contains("Scan") && plan["Relation Name"].is_string());
    let own = if is_scan {
        let each = number("Actual Rows")
            + number("Rows Removed by Filter")
            + number("Rows Removed by Index Recheck");
        each * number("Actual Loops")
    } else {
        0.0
    };
    let below = plan["Plans"].as_array();
    own + below.map_or(0.0, |plans| plans.iter().map(rows_read).sum())
}

/// How many rows each statement reads, on a connection that writes.
async fn read_by_each(test: &TestDatabase) -> Vec<(&'static str, f64)> {
    let mut read = Vec::new();
    for (name, statement, arguments) in statements() {
        let rows: Result<f64, StoreError> = test
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let Connection::Postgres(conn) = tx.connection() else {
                        return Ok(0.0);
                    };
                    let prepare = format!("PREPARE counted AS {statement}");
                    conn.execute(sqlx::AssertSqlSafe(prepare)).await?;
                    let run = if arguments.is_empty() {
                        "EXECUTE counted".to_owned()
                    } else {
                        format!("EXECUTE counted({arguments})")
                    };
                    conn.execute("SAVEPOINT before").await?;
                    let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) {run}");
                    let row = conn.fetch_one(sqlx::AssertSqlSafe(explain)).await?;
                    conn.execute("ROLLBACK TO before").await?;
                    conn.execute("DEALLOCATE counted").await?;
                    let plan: Value = row.try_get(0)?;
                    Ok(rows_read(&plan[0]["Plan"]))
                })
            })
            .await;
        read.push((name, rows.unwrap()));
    }
    read
}

/// Conversations by the thousand, made by the database itself, with a message each; what they wait for, where that is said: a
/// state, its moment and a priority.
async fn crowd(test: &TestDatabase, prefix: &str, waits: Option<(&str, &str, u32)>) {
    let conversations = format!(
        "INSERT INTO conversations (tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, created_at)
        SELECT 'acme', '{prefix}' || n, 'support', 'default', 2, 0, 0 FROM generate_series(1, {CROWD}) n"
    );
    execute(test, conversations).await;
    if let Some((state, due, priority)) = waits {
        let heads = format!(
            "INSERT INTO heads (tenant_id, conversation_id, agent_key, pool, state, priority, due_at, suspect, message_id,
                trace_id, available_at, attempts, crashes, max_attempts)
            SELECT 'acme', '{prefix}' || n, 'support', 'default', '{state}', {priority}, {due}, 0, 'msg_{prefix}' || n, n, {due},
                0, 0, 3
            FROM generate_series(1, {CROWD}) n"
        );
        execute(test, heads).await;
    }
    messages(test, &format!("'{prefix}' || n"), prefix).await;
}

async fn execute(test: &TestDatabase, statement: String) {
    let done: Result<(), StoreError> = test
        .db
        .write(move |tx| {
            Box::pin(async move {
                if let Connection::Postgres(conn) = tx.connection() {
                    conn.execute(sqlx::AssertSqlSafe(statement)).await?;
                }
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

/// A message each to the conversations that `conversation` names.
async fn messages(test: &TestDatabase, conversation: &str, prefix: &str) {
    let messages = format!(
        "INSERT INTO message_queue (tenant_id, message_id, conversation_id, seq, status, payload, priority, source,
            trace_id, available_at, attempts, crashes, max_attempts, enqueued_at)
        SELECT 'acme', 'msg_{prefix}' || n, {conversation}, 10 + n, 'queued', '{{}}', 50, 'test', '0', n, 0, 0, 3, 0
        FROM generate_series(1, {CROWD}) n"
    );
    execute(test, messages).await;
}

#[tokio::test]
async fn a_claim_reads_as_many_rows_of_postgresql_whatever_else_is_stored() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let queue = Driver::new(test).await;
    // Two that a worker has, to be released.
    for conversation in ["d1", "d2", "d1", "d2"] {
        queue.enqueue(conversation, "hi").await;
    }
    let had = queue.claim_as(request("another", 2, 0)).await.claimed;
    assert_eq!(had.len(), 2);
    for number in 0..9 {
        queue.enqueue(&format!("c{number}"), "hi").await;
    }
    let test = &queue.test;
    // As autovacuum does within a minute.
    test.execute("ANALYZE").await;
    let alone = read_by_each(test).await;
    assert!(
        alone
            .iter()
            .any(|(name, rows)| *name == "ready" && *rows >= 3.0),
        "{alone:?}"
    );
    // One hot conversation; a crowd of the future, of the highest priority; idle ones; more that are ready; finished ones.
    messages(test, "'c1'", "hot").await;
    crowd(test, "later", Some(("waiting", "1900000000000", 100))).await;
    crowd(test, "idle", None).await;
    crowd(test, "ready", Some(("ready", "1900000000000", 10))).await;
    execute(
        test,
        format!(
        "INSERT INTO finished_messages (tenant_id, message_id, conversation_id, seq, outcome, source, trace_id, attempts,
            crashes, max_attempts, enqueued_at, finished_at)
        SELECT 'acme', 'msg_done' || n, 'c1', n, 'done', 'test', '0', 0, 0, 3, 0, n FROM generate_series(1, {CROWD}) n"
        ),
    )
    .await;
    test.execute("ANALYZE").await;
    let crowded = read_by_each(test).await;
    for ((name, before), (_, after)) in alone.iter().zip(&crowded) {
        // One more: the first of the future is looked at, to know when to look again.
        assert!(
            *after <= before + 1.0,
            "{name}: {before} rows alone, {after} in the crowd"
        );
    }
    let claimed = queue.claim_as(request("worker", 9, 0)).await.claimed;
    assert_eq!(claimed.len(), 9);
    assert!(
        claimed
            .iter()
            .all(|message| message.lease.conversation_id.as_str().starts_with('c'))
    );
}
