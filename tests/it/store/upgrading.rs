//! Databases that an older version of the program has filled: the newest schema keeps every message, and the queue goes on
//! where it stopped.
//!
//! Each file in `upgrading/` is rows as one version of the schema keeps them. A migration that moves messages brings
//! another file, of the version before it, and one line in [`ERAS`]: whatever is in a file is found again by its name.

use crate::outbox::driver::Office;
use crate::queue::driver::{TRACE, acme, request};
use agent_factory::domain::{Fence, Lease, LeaseToken, MessageId, Pool};
use agent_factory::queue::{self, Beat, Enqueue, LeaseError, MessageState, Settled};
use agent_factory_tests::database::{EPOCH, TestDatabase, conversation, payload};
use std::collections::BTreeSet;
use std::time::Duration;

/// Versions of the schema, with rows as of each.
const ERAS: [(i64, &str); 2] = [
    (5, include_str!("upgrading/0005.sql")),
    (6, include_str!("upgrading/0006.sql")),
];

/// Who waits for whom: each conversation's messages that are to be given out, in order, once everything goes on.
const TO_COME: [(&str, &[&str]); 7] = [
    ("queued", &["msg_queued_1", "msg_queued_2"]),
    ("later", &["msg_later"]),
    ("retried", &["msg_retried"]),
    ("claimed", &["msg_behind_claimed"]),
    ("dead", &["msg_behind_dead", "msg_dead"]),
    ("held", &["msg_held"]),
    ("paused", &["msg_paused"]),
];

fn token(of: u8) -> LeaseToken {
    LeaseToken::from_random([of; 16])
}

/// The rows, with what the program itself would have written where the file has a name for it.
fn filled(rows: &str) -> String {
    let chat = serde_json::to_string(&crate::outbox::driver::chat()).unwrap();
    let payload = serde_json::to_string(&payload("hi")).unwrap();
    let sealed = |of| serde_json::to_value(token(of).sealed(&Pool::default())).unwrap();
    rows.replace("{payload}", &payload)
        .replace("{chat}", &chat)
        .replace("{trace}", TRACE)
        .replace("{claimed}", sealed(1).as_str().unwrap())
        .replace("{done}", sealed(2).as_str().unwrap())
}

fn id(name: &str) -> MessageId {
    name.parse().unwrap()
}

fn lease(message: &str, of: &str, token: LeaseToken, fence: i64) -> Lease {
    Lease {
        pool: Pool::default(),
        tenant_id: acme(),
        conversation_id: conversation(of),
        agent_key: "support".parse().unwrap(),
        message_id: id(message),
        trace_id: TRACE.parse().unwrap(),
        token,
        fence: Fence(fence),
    }
}

/// All messages that the file names.
fn named(rows: &str) -> BTreeSet<&str> {
    let quoted = rows.split('\'').filter(|text| text.starts_with("msg_"));
    quoted.collect()
}

async fn is_kept(test: TestDatabase, rows: &str) {
    test.set_clock(EPOCH).await;
    let office = Office::new(test).await;
    let queue = &office.queue;
    let all = named(rows);
    for message in &all {
        let status = queue.status(&id(message)).await;
        let as_it_was = match *message {
            "msg_claimed" | "msg_cancelling" => status.state == MessageState::Processing,
            "msg_done" => matches!(status.state, MessageState::Done { .. }),
            "msg_cancelled" => matches!(status.state, MessageState::Cancelled { .. }),
            "msg_dead" => matches!(status.state, MessageState::DeadLetter { .. }),
            "msg_held" => held(&status.state, "no key"),
            "msg_paused" => held(&status.state, "why"),
            _ => matches!(status.state, MessageState::Queued { held: None, .. }),
        };
        assert!(as_it_was, "{message}: {status:?}");
    }
    let stats = queue.pool_stats().await;
    assert_eq!((stats.outbox_lanes, stats.dead_letters), (1, 1));

    // Whoever had a message has it still, and a repeated answer is known for one.
    let claimed = lease("msg_claimed", "claimed", token(1), 4);
    assert!(matches!(queue.beat(&claimed).await, Beat::Extended { .. }));
    assert_eq!(queue.complete(&claimed).await.unwrap(), Settled::Now);
    let done = lease("msg_done", "done", token(2), 2);
    assert_eq!(
        queue.complete(&done).await.unwrap(),
        Settled::AlreadySettled
    );
    let other = lease("msg_done", "done", token(3), 2);
    assert!(matches!(
        queue.complete(&other).await,
        Err(LeaseError::Lost)
    ));
    if all.contains("msg_cancelling") {
        let unwanted = lease("msg_cancelling", "cancelling", token(1), 1);
        assert!(matches!(queue.beat(&unwanted).await, Beat::Cancel { .. }));
        queue.give_back(&unwanted).await.unwrap();
    }
    // Nor does what came before come again.
    for (source, message) in [
        ("update-1", "msg_queued_1"),
        ("update-done", "msg_done"),
        ("update-dead", "msg_dead"),
    ] {
        let again = Enqueue {
            source_id: Some(source.to_owned()),
            ..queue.message("elsewhere", "hi")
        };
        let again = queue.try_enqueue(again).await.unwrap();
        assert_eq!((again.message_id, again.duplicate), (id(message), true));
    }
    let pending = office.claim_only().await;
    let bodies: Vec<&str> = pending.rows.iter().map(|row| row.body.as_str()).collect();
    assert_eq!(bodies, ["pending"]);
    goes_on(&office, &all).await;
}

fn held(state: &MessageState, reason: &str) -> bool {
    matches!(state, MessageState::Queued { held: Some(held), .. } if held == reason)
}

/// People let everything go on: all of it is given out, in order.
async fn goes_on(office: &Office, all: &BTreeSet<&str>) {
    let queue = &office.queue;
    assert!(queue.redrive(&id("msg_dead")).await);
    let policy = queue.policy.clone();
    queue
        .write(move |tx| {
            Box::pin(async move {
                let agent = "held".parse().unwrap();
                queue::resume(tx, &policy, &acme(), &agent).await?;
                queue::resume_conversation(tx, &acme(), &conversation("paused")).await
            })
        })
        .await;
    let mut given: Vec<(String, String)> = Vec::new();
    for _ in 0..20 {
        queue.test.advance(Duration::from_secs(60)).await;
        for claimed in queue.claim_as(request("heir", 9, 0)).await.claimed {
            let (of, message) = (&claimed.lease.conversation_id, &claimed.lease.message_id);
            given.push((of.to_string(), message.to_string()));
            queue.complete(&claimed.lease).await.unwrap();
        }
    }
    for (of, messages) in TO_COME {
        let wanted: Vec<&str> = messages
            .iter()
            .copied()
            .filter(|it| all.contains(it))
            .collect();
        let found = given.iter().filter(|(conversation, _)| conversation == of);
        let found: Vec<&str> = found.map(|(_, message)| message.as_str()).collect();
        assert_eq!(found, wanted, "{of}");
    }
    let left = "SELECT count(*) FROM message_queue";
    assert_eq!(queue.test.number(left).await, 0);
    let kept = "SELECT count(*) FROM finished_messages";
    assert_eq!(
        queue.test.number(kept).await,
        i64::try_from(all.len()).unwrap()
    );
}

#[tokio::test]
async fn every_message_of_an_older_sqlite_database_is_kept() {
    for (version, rows) in ERAS {
        let test = TestDatabase::sqlite_of(version, &filled(rows)).await;
        is_kept(test, rows).await;
    }
}

#[tokio::test]
async fn every_message_of_an_older_postgresql_database_is_kept() {
    for (version, rows) in ERAS {
        let Some(test) = TestDatabase::postgres_of(version, &filled(rows)).await else {
            return;
        };
        is_kept(test, rows).await;
    }
}
