//! Processes that share one PostgreSQL database and get in each other's way: what one writer alone never meets.

use super::driver::{Driver, request};
use agent_factory::clock::Ids;
use agent_factory::domain::{ConversationId, Lease, MessageId};
use agent_factory::queue::{self, Claimed, Enqueue, Enqueued, LeaseError, Settled};
use agent_factory::store::{Db, StoreError};
use agent_factory_tests::database::TestDatabase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a whole race may take before the test takes it for stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// A queue on PostgreSQL; none where there is no server.
async fn driver() -> Option<Arc<Driver>> {
    Some(Arc::new(Driver::new(TestDatabase::postgres().await?).await))
}

/// What another process does, on connections of its own.
#[derive(Clone)]
struct Process {
    db: Db,
    ids: Ids,
    queue: Arc<Driver>,
}

impl Process {
    async fn start(queue: &Arc<Driver>, seed: u64) -> Self {
        Self {
            db: queue.test.another().await,
            ids: Ids::seeded(seed),
            queue: Arc::clone(queue),
        }
    }

    async fn enqueue(&self, message: Enqueue) -> Enqueued {
        let (policy, id) = (self.queue.policy.clone(), self.ids.message().unwrap());
        let enqueued = self.db.write(move |tx| {
            Box::pin(async move { queue::enqueue(tx, &policy, &message, id).await })
        });
        enqueued.await.unwrap()
    }

    async fn claim(&self, worker: &str, max: u32) -> Vec<Claimed> {
        let (policy, ids, request) = (
            self.queue.policy.clone(),
            self.ids.clone(),
            request(worker, max, 0),
        );
        let batch: Result<_, queue::ClaimError> = self
            .db
            .write(move |tx| {
                Box::pin(async move { queue::claim(tx, &policy, &ids, &request).await })
            })
            .await;
        batch.unwrap().claimed
    }

    async fn complete(&self, lease: &Lease) -> Result<Settled, LeaseError> {
        let lease = lease.clone();
        self.db
            .write(move |tx| Box::pin(async move { queue::complete(tx, &lease).await }))
            .await
    }

    async fn hold(&self, lease: &Lease) -> Result<(), LeaseError> {
        let lease = lease.clone();
        self.db
            .write(move |tx| Box::pin(async move { queue::hold(tx, &lease, "why").await }))
            .await
    }

    async fn resume(&self) {
        let policy = self.queue.policy.clone();
        let resumed: Result<bool, StoreError> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let (tenant, agent) = ("acme".parse().unwrap(), "support".parse().unwrap());
                    queue::resume(tx, &policy, &tenant, &agent).await
                })
            })
            .await;
        assert!(resumed.unwrap());
    }
}

/// How often a message comes while the one before it completes: `AGENT_FACTORY_TEST_RACE_ROUNDS=10000` for more.
fn rounds() -> usize {
    let rounds = std::env::var_os("AGENT_FACTORY_TEST_RACE_ROUNDS");
    rounds.map_or(2000, |rounds| {
        let rounds = rounds.to_str().and_then(|rounds| rounds.parse().ok());
        rounds.expect("AGENT_FACTORY_TEST_RACE_ROUNDS is a number")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_and_a_message_at_the_same_moment_never_leave_a_conversation_stuck() {
    let Some(queue) = driver().await else { return };
    let (one, two) = (
        Process::start(&queue, 2).await,
        Process::start(&queue, 3).await,
    );
    never_stuck(&queue, one, two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_in_one_process_on_sqlite() {
    let queue = Arc::new(Driver::new(TestDatabase::sqlite().await).await);
    let here = |seed| Process {
        db: queue.db(),
        ids: Ids::seeded(seed),
        queue: Arc::clone(&queue),
    };
    never_stuck(&queue, here(2), here(3)).await;
}

async fn never_stuck(queue: &Driver, one: Process, two: Process) {
    queue.enqueue("c", "first").await;
    for round in 0..rounds() {
        let claimed = one.claim("worker", 9).await;
        assert_eq!(
            claimed.len(),
            1,
            "in round {round} the conversation is stuck"
        );
        let (one, two) = (one.clone(), two.clone());
        let next = queue.message("c", "next");
        let completing = tokio::spawn(async move { one.complete(&claimed[0].lease).await });
        let arriving = tokio::spawn(async move { two.enqueue(next).await });
        assert_eq!(completing.await.unwrap().unwrap(), Settled::Now);
        arriving.await.unwrap();
    }
    let open = "SELECT count(*) FROM message_queue";
    assert_eq!(queue.test.number(open).await, 1);
}

/// What all workers of a race have seen.
#[derive(Default)]
struct Seen {
    leased: BTreeSet<ConversationId>,
    settled: BTreeMap<ConversationId, Vec<MessageId>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_claim_at_once_a_conversation_has_one_lease_and_keeps_its_order() {
    const CONVERSATIONS: usize = 24;
    const MESSAGES: usize = 8;
    let Some(queue) = driver().await else { return };
    let seen = Arc::new(Mutex::new(Seen::default()));
    let left = Arc::new(AtomicUsize::new(CONVERSATIONS * MESSAGES));
    for tenant in ["other", "third"] {
        queue.test.agent(tenant, "support").await;
    }
    let mut sent: BTreeMap<ConversationId, Vec<MessageId>> = BTreeMap::new();
    let mut work = JoinSet::new();
    for number in 0..6 {
        let process = Process::start(&queue, 10 + number).await;
        let (seen, left) = (Arc::clone(&seen), Arc::clone(&left));
        work.spawn(async move {
            let worker = format!("worker{number}");
            while left.load(Ordering::SeqCst) > 0 {
                for claimed in process.claim(&worker, 3).await {
                    let lease = claimed.lease;
                    let is_new = seen
                        .lock()
                        .unwrap()
                        .leased
                        .insert(lease.conversation_id.clone());
                    assert!(is_new, "two leases of {}", lease.conversation_id);
                    tokio::task::yield_now().await;
                    {
                        let mut seen = seen.lock().unwrap();
                        seen.leased.remove(&lease.conversation_id);
                        let settled = seen.settled.entry(lease.conversation_id.clone());
                        settled.or_default().push(lease.message_id.clone());
                    }
                    assert_eq!(process.complete(&lease).await.unwrap(), Settled::Now);
                    left.fetch_sub(1, Ordering::SeqCst);
                }
            }
        });
    }
    // While they work.
    for _ in 0..MESSAGES {
        for number in 0..CONVERSATIONS {
            let tenant = ["acme", "other", "third"][number % 3];
            let conversation = format!("c{number}");
            let id = queue.enqueue_of(tenant, &conversation).await;
            sent.entry(conversation.parse().unwrap())
                .or_default()
                .push(id);
        }
    }
    tokio::time::timeout(PATIENCE, work.join_all())
        .await
        .expect("all work ends");
    assert_eq!(seen.lock().unwrap().settled, sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_that_comes_to_many_conversations_at_once_is_one_message() {
    let Some(queue) = driver().await else { return };
    for round in 0..20 {
        let mut arrivals = JoinSet::new();
        for number in 0..10 {
            let seed = 100 + round * 10 + number;
            let process = if number % 2 == 0 {
                Process {
                    db: queue.db(),
                    ids: Ids::seeded(seed),
                    queue: Arc::clone(&queue),
                }
            } else {
                Process::start(&queue, seed).await
            };
            let message = queue.message(&format!("c{round}-{number}"), "hi");
            let source_id = Some(format!("update-{round}"));
            arrivals.spawn(async move {
                process
                    .enqueue(Enqueue {
                        source_id,
                        ..message
                    })
                    .await
            });
        }
        let arrived = arrivals.join_all().await;
        assert_eq!(
            arrived.iter().filter(|message| !message.duplicate).count(),
            1
        );
        assert!(
            arrived
                .iter()
                .all(|message| message.message_id == arrived[0].message_id)
        );
    }
    assert_eq!(
        queue
            .test
            .number("SELECT count(*) FROM message_queue")
            .await,
        20
    );
    assert_eq!(
        queue
            .test
            .number("SELECT count(*) FROM conversations")
            .await,
        20
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_messages_of_a_conversation_that_come_at_once_are_all_accepted() {
    let Some(queue) = driver().await else { return };
    let processes = [
        Process::start(&queue, 2).await,
        Process::start(&queue, 3).await,
    ];
    for round in 0..20 {
        let mut arrivals = JoinSet::new();
        for number in 0..10 {
            let process = processes[number % 2].clone();
            let message = queue.message(&format!("c{round}"), "hi");
            arrivals.spawn(async move { process.enqueue(message).await });
        }
        let ids: BTreeSet<_> = arrivals
            .join_all()
            .await
            .into_iter()
            .map(|new| new.message_id)
            .collect();
        assert_eq!(ids.len(), 10);
    }
    let whole = "SELECT count(*) FROM conversations c
        JOIN heads h ON h.tenant_id = c.tenant_id AND h.conversation_id = c.conversation_id
        WHERE c.next_seq = 11 AND h.state = 'ready'";
    assert_eq!(queue.test.number(whole).await, 20);
    // Places follow the order in which they were taken.
    let out_of_order = "SELECT count(*) FROM message_queue a JOIN message_queue b
        ON a.conversation_id = b.conversation_id AND a.seq < b.seq AND a.available_at > b.available_at";
    assert_eq!(queue.test.number(out_of_order).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_held_and_resumed_over_and_over_leaves_no_conversation_parked() {
    const CONVERSATIONS: usize = 12;
    const MESSAGES: usize = 15;
    let Some(queue) = driver().await else { return };
    let left = Arc::new(AtomicUsize::new(CONVERSATIONS * MESSAGES));
    let mut work = JoinSet::new();
    for number in 0..4 {
        let process = Process::start(&queue, 10 + number).await;
        let left = Arc::clone(&left);
        work.spawn(async move {
            let worker = format!("worker{number}");
            let mut turn = 0_u32;
            while left.load(Ordering::SeqCst) > 0 {
                for claimed in process.claim(&worker, 2).await {
                    turn += 1;
                    if turn.is_multiple_of(4) {
                        process.hold(&claimed.lease).await.unwrap();
                    } else {
                        process.complete(&claimed.lease).await.unwrap();
                        left.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            }
        });
    }
    let (person, still) = (Process::start(&queue, 20).await, Arc::clone(&left));
    work.spawn(async move {
        while still.load(Ordering::SeqCst) > 0 {
            person.resume().await;
        }
    });
    for _ in 0..MESSAGES {
        for number in 0..CONVERSATIONS {
            queue.enqueue(&format!("c{number}"), "hi").await;
        }
    }
    tokio::time::timeout(PATIENCE, work.join_all())
        .await
        .expect("nothing stays parked");
    let busy = "SELECT (SELECT count(*) FROM heads) + (SELECT count(*) FROM leases)";
    assert_eq!(queue.test.number(busy).await, 0);
}
