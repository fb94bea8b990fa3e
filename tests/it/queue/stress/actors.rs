//! Who is at it.

use crate::queue::driver::{Driver, request};
use agent_factory::clock::Ids;
use agent_factory::domain::{AgentKey, ConversationId, Lease, MessageId, TenantId};
use agent_factory::queue::{
    self, Cancelled, ClaimError, Claimed, Enqueue, LeaseError, Policy, Retry, Settled,
};
use agent_factory::store::{Db, StoreError, Tx, Work};
use agent_factory_tests::history::Chance;
use agent_factory_tests::on_either;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(super) const TENANTS: [&str; 2] = ["acme", "other"];
/// Out of the order of their names, in which locks are taken.
pub(super) const AGENTS: [&str; 3] = ["support", "alerts", "mail"];
/// Of each agent.
const CONVERSATIONS: u64 = 4;

/// What everybody has seen.
#[derive(Default)]
pub(super) struct Ledger {
    accepted: Mutex<Vec<(TenantId, MessageId)>>,
    done: Mutex<BTreeSet<MessageId>>,
    /// How often what was done.
    deeds: Mutex<BTreeMap<&'static str, usize>>,
    /// What ended in a deadlock.
    deadlocks: Mutex<BTreeMap<&'static str, usize>>,
}

impl Ledger {
    fn count(counts: &Mutex<BTreeMap<&'static str, usize>>, what: &'static str) {
        *counts.lock().unwrap().entry(what).or_default() += 1;
    }

    /// All that was accepted is done or cancelled, each once, and nothing is left over.
    pub(super) async fn balances(&self, queue: &Driver) {
        println!("{:?}", self.deeds.lock().unwrap());
        let deadlocks = self.deadlocks.lock().unwrap().clone();
        assert_eq!(deadlocks, BTreeMap::new(), "deadlocks");
        let number =
            async |sql: &'static str| usize::try_from(queue.test.number(sql).await).unwrap();
        let accepted = self.accepted.lock().unwrap().len();
        let done = self.done.lock().unwrap().len();
        let stored = number("SELECT count(*) FROM finished_messages WHERE outcome = 'done'").await;
        let cancelled =
            number("SELECT count(*) FROM finished_messages WHERE outcome = 'cancelled'").await;
        assert_eq!((stored, stored + cancelled), (done, accepted));
        assert!(cancelled > 0 && done > cancelled, "{cancelled} cancelled");
        for nothing in [
            "SELECT count(*) FROM message_queue",
            "SELECT (SELECT count(*) FROM heads) + (SELECT count(*) FROM leases)",
            "SELECT count(*) FROM agent_profiles WHERE resuming = 1 OR paused = 1 OR held_reason IS NOT NULL",
        ] {
            assert_eq!(number(nothing).await, 0, "{nothing}");
        }
    }
}

/// A process with connections of its own.
pub(super) struct Actor {
    db: Db,
    ids: Ids,
    policy: Policy,
    queue: Arc<Driver>,
    ledger: Arc<Ledger>,
    chance: Chance,
    name: String,
}

impl Actor {
    pub(super) async fn start(
        queue: &Arc<Driver>,
        ledger: &Arc<Ledger>,
        number: u64,
        chance: Chance,
    ) -> Self {
        Self {
            db: queue.test.another().await,
            ids: Ids::seeded(1000 + number),
            policy: queue.policy.clone(),
            queue: Arc::clone(queue),
            ledger: Arc::clone(ledger),
            chance,
            name: format!("worker{number}"),
        }
    }

    /// None where it ended in a deadlock; any other failure is one of the test.
    async fn attempt<T, F>(&self, what: &'static str, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, StoreError> + Send + 'static,
    {
        match self.db.write(work).await {
            Ok(done) => {
                Ledger::count(&self.ledger.deeds, what);
                Some(done)
            }
            Err(StoreError::Statement(error)) if is_deadlock(&error) => {
                Ledger::count(&self.ledger.deadlocks, what);
                None
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }

    fn tenant(&mut self) -> TenantId {
        self.chance.of(&TENANTS).parse().unwrap()
    }

    /// A conversation, with its agent.
    fn conversation(&mut self) -> (ConversationId, AgentKey) {
        let agent = *self.chance.of(&AGENTS);
        let number = self.chance.below(CONVERSATIONS);
        let id = format!("{agent}-{number}");
        (id.parse().unwrap(), agent.parse().unwrap())
    }

    pub(super) async fn produce(mut self, batches: usize) {
        for batch in 0..batches {
            let size = if self.chance.one_in(3) {
                1
            } else {
                2 + self.chance.below(6)
            };
            let mut messages = Vec::new();
            for place in 0..size {
                let (tenant, (conversation_id, agent_key)) = (self.tenant(), self.conversation());
                let source_id = format!("{}-{batch}-{place}", self.name);
                let message = Enqueue {
                    conversation_id,
                    agent_key,
                    source_id: self.chance.one_in(2).then_some(source_id),
                    ..self.queue.message_of(tenant.as_str(), "any", "hi")
                };
                messages.push((message, self.ids.message().unwrap()));
            }
            let (policy, sent) = (self.policy.clone(), messages.clone());
            let accepting = self.attempt("enqueue", move |tx| {
                Box::pin(async move { queue::enqueue_all(tx, &policy, &sent).await })
            });
            for (accepted, (message, _)) in accepting.await.into_iter().flatten().zip(messages) {
                let id = accepted.unwrap().message_id;
                let mut all = self.ledger.accepted.lock().unwrap();
                all.push((message.tenant_id, id));
            }
        }
    }

    pub(super) async fn work(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let most = 1 + u32::try_from(self.chance.below(8)).unwrap();
            let leases: Vec<Lease> = self
                .claim(most)
                .await
                .into_iter()
                .map(|claimed| claimed.lease)
                .collect();
            match self.chance.below(12) {
                0 => self.each("fail", &leases, Fail(Retry::Never)).await,
                1 => {
                    self.each(
                        "fail",
                        &leases,
                        Fail(Retry::After(Duration::from_millis(5))),
                    )
                    .await
                }
                2 => self.each("give back", &leases, GiveBack).await,
                3 => {
                    self.each("hold", &leases[..leases.len().min(1)], Hold)
                        .await
                }
                // Never heard of again.
                4 => {}
                5 => {
                    self.beat(&leases).await;
                    self.complete(leases).await;
                }
                _ => self.complete(leases).await,
            }
        }
    }

    async fn claim(&self, most: u32) -> Vec<Claimed> {
        let (policy, ids) = (self.policy.clone(), self.ids.clone());
        let asked = request(&self.name, most, 0);
        let claiming = self.attempt("claim", move |tx| {
            Box::pin(async move {
                match queue::claim(tx, &policy, &ids, &asked).await {
                    Ok(batch) => Ok(batch.claimed),
                    Err(ClaimError::Store(error)) => Err(error),
                    Err(refused) => panic!("{refused}"),
                }
            })
        });
        claiming.await.unwrap_or_default()
    }

    /// In one transaction, which now and then writes the agents' rows too, as turns do that remember something.
    async fn complete(&mut self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let (sent, remember) = (leases.clone(), self.chance.one_in(2));
        let completing = self.attempt("complete", move |tx| {
            Box::pin(async move {
                let settled = queue::complete_all(tx, &sent).await?;
                let mut agents: Vec<_> = sent
                    .iter()
                    .zip(&settled)
                    .filter(|(_, settled)| matches!(settled, Ok(Settled::Now)))
                    .map(|(lease, _)| (&lease.tenant_id, &lease.agent_key))
                    .collect();
                agents.sort();
                for (tenant, agent) in agents.iter().filter(|_| remember) {
                    let sql = "UPDATE agent_profiles SET content_version = content_version + 1
                        WHERE tenant_id = $1 AND agent_key = $2";
                    on_either!(tx, |conn| sqlx::query(sql)
                        .bind(*tenant)
                        .bind(*agent)
                        .execute(conn)
                        .await
                        .map(drop))?;
                }
                Ok(settled)
            })
        });
        for (settled, lease) in completing.await.into_iter().flatten().zip(leases) {
            if let Ok(Settled::Now) = settled {
                let new = self.ledger.done.lock().unwrap().insert(lease.message_id);
                assert!(new, "a message is settled once");
            }
        }
    }

    async fn beat(&self, leases: &[Lease]) {
        let leases: Vec<_> = leases.iter().map(|lease| (lease.clone(), true)).collect();
        let (policy, worker) = (self.policy.clone(), self.name.parse().unwrap());
        let beating = self.attempt("heartbeat", move |tx| {
            Box::pin(async move {
                let pool = agent_factory::domain::Pool::default();
                queue::heartbeat(tx, &policy, &worker, &pool, &leases).await
            })
        });
        beating.await;
    }

    async fn each(&self, what: &'static str, leases: &[Lease], how: How) {
        for lease in leases {
            let (lease, policy, ids) = (lease.clone(), self.policy.clone(), self.ids.clone());
            let ending = self.attempt(what, move |tx| {
                Box::pin(async move {
                    let ended = match how {
                        Fail(retry) => {
                            let failing = queue::fail(tx, &policy, &ids, &lease, "broke", retry);
                            failing.await.map(drop)
                        }
                        GiveBack => queue::give_back(tx, &lease).await,
                        Hold => queue::hold(tx, &lease, "no key").await,
                    };
                    match ended {
                        Err(LeaseError::Store(error)) => Err(error),
                        Ok(()) | Err(LeaseError::Lost) => Ok(()),
                    }
                })
            });
            ending.await;
        }
    }

    pub(super) async fn meddle(mut self, deeds: usize) {
        for _ in 0..deeds {
            self.deed().await;
        }
    }

    async fn deed(&mut self) {
        let (of, (id, agent)) = (self.tenant(), self.conversation());
        let policy = self.policy.clone();
        match self.chance.below(16) {
            0 => drop(
                self.attempt("pause tenant", move |tx| {
                    Box::pin(async move { queue::pause_tenant(tx, &of, "why").await })
                })
                .await,
            ),
            1 | 2 => drop(
                self.attempt("resume tenant", move |tx| {
                    Box::pin(async move { queue::resume_tenant(tx, &of).await })
                })
                .await,
            ),
            3 => drop(
                self.attempt("hold agent", move |tx| {
                    Box::pin(async move { queue::hold_agent(tx, &of, &agent, "why").await })
                })
                .await,
            ),
            4 | 5 => drop(
                self.attempt("resume agent", move |tx| {
                    Box::pin(async move { queue::resume(tx, &policy, &of, &agent).await })
                })
                .await,
            ),
            6 => drop(
                self.attempt("pause conversation", move |tx| {
                    Box::pin(async move { queue::pause_conversation(tx, &of, &id, "why").await })
                })
                .await,
            ),
            7 | 8 => drop(
                self.attempt("resume conversation", move |tx| {
                    Box::pin(async move { queue::resume_conversation(tx, &of, &id).await })
                })
                .await,
            ),
            9 | 10 => drop(
                self.attempt("replay all", move |tx| {
                    Box::pin(async move { queue::redrive_all(tx, &of, 20).await })
                })
                .await,
            ),
            11 => {
                let limit = self.chance.one_in(2).then_some(2);
                self.attempt("limit", move |tx| {
                    Box::pin(async move { queue::limit_tenant(tx, &of, limit).await })
                })
                .await;
            }
            12 => {
                let ids = self.ids.clone();
                self.attempt("sweep", move |tx| {
                    Box::pin(async move { queue::sweep(tx, &policy, &ids).await })
                })
                .await;
            }
            kind => {
                let Some((of, message)) = self.any_message() else {
                    return;
                };
                if kind == 13 {
                    self.attempt("replay", move |tx| {
                        Box::pin(async move { queue::redrive(tx, &of, &message).await })
                    })
                    .await;
                } else {
                    let cancelling = self.attempt("cancel", move |tx| {
                        Box::pin(async move { queue::cancel(tx, &of, &message).await })
                    });
                    if let Some(Cancelled::Asked) = cancelling.await {
                        Ledger::count(&self.ledger.deeds, "cancelled while it ran");
                    }
                }
            }
        }
    }

    /// Mostly one of the newest.
    fn any_message(&mut self) -> Option<(TenantId, MessageId)> {
        let accepted = self.ledger.accepted.lock().unwrap();
        let behind = usize::try_from(self.chance.below(60)).unwrap();
        let at = accepted.len().checked_sub(behind + 1)?;
        Some(accepted[at].clone())
    }

    /// Nobody is in the way any more: everything goes on, and ends.
    pub(super) async fn settle_everything(mut self, queue: &Driver) {
        for tenant in TENANTS {
            let of: TenantId = tenant.parse().unwrap();
            let tenant = of.clone();
            self.attempt("end", move |tx| {
                Box::pin(async move {
                    queue::limit_tenant(tx, &tenant, None).await?;
                    queue::resume_tenant(tx, &tenant).await
                })
            })
            .await;
            for agent in AGENTS {
                let (policy, tenant, key) =
                    (self.policy.clone(), of.clone(), agent.parse().unwrap());
                self.attempt("end", move |tx| {
                    Box::pin(async move { queue::resume(tx, &policy, &tenant, &key).await })
                })
                .await;
                for number in 0..CONVERSATIONS {
                    let (tenant, id) = (of.clone(), format!("{agent}-{number}").parse().unwrap());
                    self.attempt("end", move |tx| {
                        Box::pin(async move { queue::resume_conversation(tx, &tenant, &id).await })
                    })
                    .await;
                }
            }
        }
        while queue
            .test
            .number("SELECT count(*) FROM message_queue")
            .await
            > 0
        {
            queue.test.advance(Duration::from_secs(3600)).await;
            for tenant in TENANTS {
                let of: TenantId = tenant.parse().unwrap();
                self.attempt("end", move |tx| {
                    Box::pin(async move { queue::redrive_all(tx, &of, 1000).await })
                })
                .await;
            }
            let claimed = self.claim(100).await;
            self.complete(claimed.into_iter().map(|claimed| claimed.lease).collect())
                .await;
        }
    }
}

/// How a turn ends that does not complete.
#[derive(Clone, Copy)]
enum How {
    Fail(Retry),
    GiveBack,
    Hold,
}
use How::{Fail, GiveBack, Hold};

fn is_deadlock(error: &sqlx::Error) -> bool {
    let refused = error.as_database_error();
    refused.is_some_and(|refused| refused.code().as_deref() == Some("40P01"))
}
