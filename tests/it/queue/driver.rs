//! The queue as a test drives it: one call an operation, one transaction a call.

use agent_factory::domain::{AgentKey, Lease, MessageId, Pool, TenantId, Timestamp, WorkerId};
use agent_factory::queue::{
    self, Batch, Beat, Cancelled, ClaimRequest, Claimed, Enqueue, EnqueueError, Enqueued,
    FailOutcome, Heartbeat, LeaseError, MessageState, MessageStatus, Policy, Priority, QueueStats,
    Retry, RetryPolicy, Scope, Settled, Started, Swept,
};
use agent_factory::store::{Db, StoreError, Topic, Tx, Work};
use agent_factory_tests::database::{TestDatabase, conversation, payload};
use std::time::Duration;

/// Of every message.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Short of chance, so that waits are exact.
pub(crate) fn policy() -> Policy {
    Policy {
        default_priority: Priority::default(),
        max_attempts: 3,
        max_crashes: 3,
        tenant_in_flight: 1000,
        retry: RetryPolicy {
            jitter_ratio: 0.0,
            ..RetryPolicy::default()
        },
        lease: Duration::from_secs(60),
        lease_total: Duration::from_secs(300),
        promote_batch: 100,
        sweep_batch: 100,
        max_payload_bytes: 64 * 1024,
    }
}

pub(crate) struct Driver {
    pub(crate) test: TestDatabase,
    pub(crate) policy: Policy,
}

impl Driver {
    /// With the agent `support` of the tenant `acme`.
    pub(crate) async fn new(test: TestDatabase) -> Self {
        test.agent("acme", "support").await;
        Self {
            test,
            policy: policy(),
        }
    }

    pub(crate) fn db(&self) -> Db {
        self.test.db.clone()
    }

    /// A message of `acme` to `support`.
    pub(crate) fn message(&self, conversation_id: &str, text: &str) -> Enqueue {
        self.message_of("acme", conversation_id, text)
    }

    pub(crate) fn message_of(&self, tenant: &str, conversation_id: &str, text: &str) -> Enqueue {
        Enqueue {
            tenant_id: tenant.parse().unwrap(),
            conversation_id: conversation(conversation_id),
            agent_key: "support".parse().unwrap(),
            payload: payload(text),
            priority: None,
            scheduled_for: None,
            max_attempts: None,
            source: "test".to_owned(),
            source_id: None,
            trace_id: TRACE.parse().unwrap(),
        }
    }

    pub(crate) async fn try_enqueue(&self, message: Enqueue) -> Result<Enqueued, EnqueueError> {
        let (policy, id) = (self.policy.clone(), self.test.ids.message().unwrap());
        self.db()
            .write(move |tx| {
                Box::pin(async move { queue::enqueue(tx, &policy, &message, id).await })
            })
            .await
    }

    /// All in one transaction.
    pub(crate) async fn enqueue_all(
        &self,
        messages: Vec<Enqueue>,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        let policy = self.policy.clone();
        let messages: Vec<_> = messages
            .into_iter()
            .map(|message| (message, self.test.ids.message().unwrap()))
            .collect();
        self.db()
            .write(move |tx| {
                Box::pin(async move { queue::enqueue_all(tx, &policy, &messages).await })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    /// All in one transaction.
    pub(crate) async fn complete_all(&self, leases: &[Lease]) -> Vec<Result<Settled, LeaseError>> {
        let leases = leases.to_vec();
        self.db()
            .write(move |tx| Box::pin(async move { queue::complete_all(tx, &leases).await }))
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    /// Whatever else the queue does, in a transaction of its own.
    pub(crate) async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, StoreError> + Send + 'static,
    {
        self.db().write(work).await.unwrap()
    }

    pub(crate) async fn enqueue_as(&self, message: Enqueue) -> MessageId {
        self.try_enqueue(message).await.unwrap().message_id
    }

    /// A message of `acme` to `support`, now.
    pub(crate) async fn enqueue(&self, conversation_id: &str, text: &str) -> MessageId {
        self.enqueue_as(self.message(conversation_id, text)).await
    }

    pub(crate) async fn enqueue_of(&self, tenant: &str, conversation_id: &str) -> MessageId {
        self.enqueue_as(self.message_of(tenant, conversation_id, "hi"))
            .await
    }

    pub(crate) async fn schedule(&self, conversation_id: &str, at: Timestamp) -> MessageId {
        let message = self.message(conversation_id, "later");
        self.enqueue_as(Enqueue {
            scheduled_for: Some(at),
            ..message
        })
        .await
    }

    pub(crate) async fn claim_as(&self, request: ClaimRequest) -> Batch {
        let (policy, ids) = (self.policy.clone(), self.test.ids.clone());
        self.db()
            .write(move |tx| {
                Box::pin(async move { queue::claim(tx, &policy, &ids, &request).await })
            })
            .await
            .unwrap()
    }

    /// A claim of an idle worker.
    pub(crate) async fn claim(&self, max: u32) -> Vec<Claimed> {
        self.claim_as(request("worker", max, 0)).await.claimed
    }

    /// The one message that can be claimed now.
    pub(crate) async fn claim_only(&self) -> Claimed {
        let mut claimed = self.claim(queue::MAX_CLAIM).await;
        assert_eq!(claimed.len(), 1, "one message can be claimed: {claimed:?}");
        claimed.remove(0)
    }

    pub(crate) async fn check(&self, lease: &Lease) -> Result<(), LeaseError> {
        let lease = lease.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::check(tx, &lease).await }))
            .await
    }

    pub(crate) async fn start(&self, lease: &Lease) -> Result<Started, LeaseError> {
        let lease = lease.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::start(tx, &lease).await }))
            .await
    }

    pub(crate) async fn beat(&self, lease: &Lease) -> Beat {
        let beats = self.beat_all(std::slice::from_ref(lease)).await;
        beats[0]
    }

    pub(crate) async fn beat_all(&self, leases: &[Lease]) -> Vec<Beat> {
        let leases = leases.iter().map(|lease| (lease.clone(), false)).collect();
        self.heartbeat(leases).await.beats
    }

    /// With each lease, whether its turn runs.
    pub(crate) async fn heartbeat(&self, leases: Vec<(Lease, bool)>) -> Heartbeat {
        let policy = self.policy.clone();
        self.db()
            .write(move |tx| {
                Box::pin(async move {
                    queue::heartbeat(tx, &policy, &worker("worker"), &Pool::default(), &leases)
                        .await
                })
            })
            .await
            .unwrap()
    }

    pub(crate) async fn complete(&self, lease: &Lease) -> Result<Settled, LeaseError> {
        let lease = lease.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::complete(tx, &lease).await }))
            .await
    }

    pub(crate) async fn fail(
        &self,
        lease: &Lease,
        retry: Retry,
    ) -> Result<FailOutcome, LeaseError> {
        let (policy, ids, lease) = (self.policy.clone(), self.test.ids.clone(), lease.clone());
        self.db()
            .write(move |tx| {
                Box::pin(
                    async move { queue::fail(tx, &policy, &ids, &lease, "it broke", retry).await },
                )
            })
            .await
    }

    pub(crate) async fn give_back(&self, lease: &Lease) -> Result<(), LeaseError> {
        let lease = lease.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::give_back(tx, &lease).await }))
            .await
    }

    pub(crate) async fn hold(&self, lease: &Lease, reason: &'static str) -> Result<(), LeaseError> {
        let lease = lease.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::hold(tx, &lease, reason).await }))
            .await
    }

    /// The agent `support` of `acme`.
    pub(crate) async fn resume(&self) -> bool {
        let policy = self.policy.clone();
        self.db()
            .write(move |tx| {
                Box::pin(async move {
                    let (tenant, agent): (TenantId, AgentKey) =
                        ("acme".parse().unwrap(), "support".parse().unwrap());
                    queue::resume(tx, &policy, &tenant, &agent).await
                })
            })
            .await
            .unwrap()
    }

    pub(crate) async fn sweep(&self) -> Swept {
        let (policy, ids) = (self.policy.clone(), self.test.ids.clone());
        self.db()
            .write(move |tx| Box::pin(async move { queue::sweep(tx, &policy, &ids).await }))
            .await
            .unwrap()
    }

    pub(crate) async fn cancel(&self, message: &MessageId) -> Cancelled {
        let message = message.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::cancel(tx, &acme(), &message).await }))
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    pub(crate) async fn redrive(&self, message: &MessageId) -> bool {
        let message = message.clone();
        self.db()
            .write(move |tx| Box::pin(async move { queue::redrive(tx, &acme(), &message).await }))
            .await
            .unwrap()
    }

    pub(crate) async fn status(&self, message: &MessageId) -> MessageStatus {
        self.status_in("acme", message)
            .await
            .expect("a message of acme")
    }

    pub(crate) async fn status_in(
        &self,
        tenant: &str,
        message: &MessageId,
    ) -> Option<MessageStatus> {
        let (tenant, message): (TenantId, _) = (tenant.parse().unwrap(), message.clone());
        self.db()
            .read(move |tx| {
                Box::pin(async move { queue::message_status(tx, &tenant, &message).await })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    pub(crate) async fn is_dead(&self, message: &MessageId) -> bool {
        matches!(
            self.status(message).await.state,
            MessageState::DeadLetter { .. }
        )
    }

    pub(crate) async fn stats(&self, scope: Scope) -> QueueStats {
        self.db()
            .read(move |tx| Box::pin(async move { queue::stats(tx, &scope).await }))
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    /// Of the default pool.
    pub(crate) async fn pool_stats(&self) -> QueueStats {
        self.stats(Scope::Pool(Pool::default())).await
    }

    pub(crate) async fn next_change(&self, topic: Topic) -> Option<Duration> {
        self.db()
            .read(move |tx| Box::pin(queue::next_change(tx, topic)))
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    /// A worker takes the only message, begins its turn, and is never heard of again.
    pub(crate) async fn crash(&self) -> Claimed {
        let claimed = self.claim_only().await;
        self.start(&claimed.lease).await.unwrap();
        self.test.advance(self.policy.lease).await;
        self.sweep().await;
        claimed
    }
}

pub(crate) fn acme() -> TenantId {
    "acme".parse().unwrap()
}

pub(crate) fn worker(id: &str) -> WorkerId {
    id.parse().unwrap()
}

pub(crate) fn request(id: &str, max: u32, in_flight: u32) -> ClaimRequest {
    ClaimRequest {
        worker_id: worker(id),
        pool: Pool::default(),
        max,
        in_flight,
        claim: None,
    }
}

/// The conversations of claimed messages, in order.
pub(crate) fn conversations(claimed: &[Claimed]) -> Vec<&str> {
    claimed
        .iter()
        .map(|message| message.lease.conversation_id.as_str())
        .collect()
}

/// The tenants of claimed messages, in order.
pub(crate) fn tenants(claimed: &[Claimed]) -> Vec<&str> {
    claimed
        .iter()
        .map(|message| message.lease.tenant_id.as_str())
        .collect()
}
