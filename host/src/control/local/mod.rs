//! The control plane in this process.
//!
//! One method of [`ControlPlane`] is one transaction, begun with the check of its lease: what a lost lease asks for
//! does not happen, not even in part.

mod deliveries;
mod lookups;
mod settle;
mod turns;

use super::{
    ClaimRequest, Claims, Completion, ComponentPart, ControlError, ControlPlane, DeliveryBatch,
    DeliveryRequest, Failure, Heartbeat, HeldLease, LaneLease, Sent, Settled,
};
use crate::clock::Ids;
use crate::domain::{
    Digest, DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit, OutboxId,
    Pool, Receipt, TraceId, WorkerId,
};
use crate::engine::{CompiledComponent, Platform};
use crate::hydration::{self, Bundle, Snapshot};
use crate::queue::{self, LeaseError};
use crate::secrets::{MasterKey, SecretError};
use crate::store::{Db, Listener, StoreError, Topic};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The policies the control plane keeps.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Of the queue.
    pub queue: queue::Policy,
    /// Of delivery.
    pub outbox: crate::outbox::Policy,
    /// Of prompts and history.
    pub hydration: hydration::Policy,
    /// The most keys of one skill of one agent.
    pub kv_keys: u32,
    /// How often a waiting claim looks again by itself.
    pub poll: Duration,
}

/// The control plane over the database. Cheap to clone.
#[derive(Clone)]
pub struct LocalControl {
    db: Db,
    ids: Ids,
    policies: Arc<Policies>,
    master_key: Arc<MasterKey>,
    closing: CancellationToken,
}

impl LocalControl {
    /// Over `db`. Once `closing` is cancelled, claims that wait for work return with nothing.
    #[must_use]
    pub fn new(
        db: Db,
        ids: Ids,
        policies: Policies,
        master_key: Arc<MasterKey>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            db,
            ids,
            policies: Arc::new(policies),
            master_key,
            closing,
        }
    }

    /// Begin to wait for `topic`, for at most `wait`; before the first look, so that nothing is missed in between.
    fn waiting(&self, topic: Topic, wait: Duration) -> Waiting {
        Waiting {
            topic,
            deadline: Instant::now() + wait,
            listener: self.db.signals().listen(topic),
        }
    }

    /// Wait until it is worth looking again; answers whether there is time left to.
    ///
    /// The listener hears of what this process commits. What others commit, and what falls due by itself, is found by
    /// looking again: at the latest after `policies.poll`, earlier where the database knows of an earlier moment.
    /// `soon`: something is held up by what raises no signal when it ends.
    async fn look_again(&self, waiting: &mut Waiting, soon: bool) -> Result<bool, ControlError> {
        let left = waiting.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || self.closing.is_cancelled() {
            return Ok(false);
        }
        let due = self.next_change(waiting.topic).await?.unwrap_or(left);
        let poll = if soon {
            SOON.min(self.policies.poll)
        } else {
            self.policies.poll
        };
        let longest = left.min(poll).min(due.max(SHORTEST_WAIT));
        self.closing
            .run_until_cancelled(waiting.listener.changed(longest))
            .await;
        Ok(!self.closing.is_cancelled())
    }

    /// Do an operation under a lease: counted, and in a span of the message's trace.
    async fn traced<T>(
        &self,
        operation: &'static str,
        trace_id: &TraceId,
        doing: impl Future<Output = Result<T, ControlError>> + Send,
    ) -> Result<T, ControlError> {
        let began = Instant::now();
        let span = tracing::info_span!("control", operation, trace.id = %trace_id);
        let done = doing.instrument(span).await;
        let metrics = self.db.metrics();
        metrics.control(operation, word(&done), began.elapsed());
        done
    }

    async fn next_change(&self, topic: Topic) -> Result<Option<Duration>, ControlError> {
        let next: Result<_, StoreError> = self
            .db
            .read(move |tx| Box::pin(queue::next_change(tx, topic)))
            .await;
        Ok(next?)
    }
}

/// How an operation went, for the figures.
const fn word<T>(done: &Result<T, ControlError>) -> &'static str {
    match done {
        Ok(_) => "ok",
        Err(ControlError::LeaseLost) => "lease_lost",
        Err(ControlError::Refused(_)) => "refused",
        Err(ControlError::Unavailable(_)) => "unavailable",
    }
}

/// A claim that finds what was due gone looks again no sooner than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// A claim that tenants at their bounds had nothing for looks again after this.
const SOON: Duration = Duration::from_millis(50);

/// A claim that has found nothing so far.
struct Waiting {
    topic: Topic,
    deadline: Instant,
    listener: Listener,
}

impl From<StoreError> for ControlError {
    /// What passes by itself is worth asking again; what does not is refused, with the reason in the log: a guest may
    /// see the answer, and rows are nobody's business there.
    fn from(error: StoreError) -> Self {
        let passing = error.is_passing();
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            reason.push_str(": ");
            reason.push_str(&next.to_string());
            cause = next.source();
        }
        tracing::error!(
            reason,
            passing,
            "the database did not do what it was asked to"
        );
        if passing {
            Self::Unavailable("the database did not answer".to_owned())
        } else {
            Self::Refused("the database refused what was to be stored or read".to_owned())
        }
    }
}

impl From<LeaseError> for ControlError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Store(error) => error.into(),
        }
    }
}

impl From<queue::ClaimError> for ControlError {
    fn from(error: queue::ClaimError) -> Self {
        match error {
            queue::ClaimError::AnotherPool(_) => Self::Refused(error.to_string()),
            queue::ClaimError::Store(error) => error.into(),
        }
    }
}

impl From<hydration::HydrateError> for ControlError {
    fn from(error: hydration::HydrateError) -> Self {
        match error {
            hydration::HydrateError::Lease(error) => error.into(),
            hydration::HydrateError::Store(error) => error.into(),
            hydration::HydrateError::Secret(SecretError::Store(error)) => error.into(),
            hydration::HydrateError::AgentDisabled | hydration::HydrateError::Secret(_) => {
                Self::Refused(error.to_string())
            }
        }
    }
}

#[async_trait]
impl ControlPlane for LocalControl {
    async fn claim(&self, request: ClaimRequest) -> Result<Claims, ControlError> {
        self.claim_turns(request).await
    }

    async fn hydrate(&self, lease: &Lease) -> Result<Bundle, ControlError> {
        let doing = self.hydrate_turn(lease.clone());
        self.traced("hydrate", &lease.trace_id, doing).await
    }

    async fn snapshot(&self, lease: &Lease, digest: Digest) -> Result<Snapshot, ControlError> {
        let doing = self.snapshot_of(lease.clone(), digest);
        self.traced("snapshot", &lease.trace_id, doing).await
    }

    async fn component(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
    ) -> Result<CompiledComponent, ControlError> {
        let doing = self.component_of(lease.clone(), digest, platform.clone());
        self.traced("component", &lease.trace_id, doing).await
    }

    async fn component_part(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
        offset: u64,
        most: u64,
    ) -> Result<ComponentPart, ControlError> {
        self.part_of_component(lease.clone(), digest, platform.clone(), offset, most)
            .await
    }

    async fn heartbeat(
        &self,
        worker: &WorkerId,
        pool: &Pool,
        leases: &[HeldLease],
    ) -> Result<Heartbeat, ControlError> {
        self.prolong(worker.clone(), pool.clone(), leases.to_vec())
            .await
    }

    async fn complete(&self, lease: &Lease, completion: Completion) -> Result<(), ControlError> {
        let doing = self.store_completion(lease.clone(), completion);
        self.traced("complete", &lease.trace_id, doing).await
    }

    async fn complete_all(
        &self,
        completions: Vec<(Lease, Completion)>,
    ) -> Result<Vec<Result<(), ControlError>>, ControlError> {
        let began = Instant::now();
        let done = self.store_completions(completions).await;
        let metrics = self.db.metrics();
        metrics.control("complete_all", word(&done), began.elapsed());
        done
    }

    async fn fail(&self, lease: &Lease, failure: Failure) -> Result<Settled, ControlError> {
        let doing = self.store_failure(lease.clone(), failure);
        self.traced("fail", &lease.trace_id, doing).await
    }

    async fn give_back(&self, lease: &Lease, spent: Vec<Receipt>) -> Result<(), ControlError> {
        let doing = self.put_back(lease.clone(), spent);
        self.traced("give_back", &lease.trace_id, doing).await
    }

    async fn kv_get(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, ControlError> {
        let doing = self.kv_read(lease.clone(), owner.clone(), scope, key.to_owned());
        self.traced("kv_get", &lease.trace_id, doing).await
    }

    async fn kv_set(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, ControlError> {
        let keys_max = self.policies.kv_keys;
        let (key, call) = (key.to_owned(), call.to_owned());
        let set = crate::state::key_value::Set {
            key,
            value,
            if_version,
            call,
            keys_max,
        };
        let doing = self.kv_write(lease.clone(), owner.clone(), set);
        self.traced("kv_set", &lease.trace_id, doing).await
    }

    async fn kv_delete(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<(), ControlError> {
        let doing = self.kv_remove(
            lease.clone(),
            owner.clone(),
            key.to_owned(),
            call.to_owned(),
        );
        self.traced("kv_delete", &lease.trace_id, doing).await
    }

    async fn kv_list(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<KvPage, ControlError> {
        let range = lookups::Range {
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            limit,
        };
        let doing = self.kv_keys(lease.clone(), owner.clone(), scope, range);
        self.traced("kv_list", &lease.trace_id, doing).await
    }

    async fn memory_search(
        &self,
        lease: &Lease,
        query: &str,
        limit: u32,
    ) -> Result<Vec<MemoryHit>, ControlError> {
        let doing = self.memory_hits(lease.clone(), query.to_owned(), limit);
        self.traced("memory_search", &lease.trace_id, doing).await
    }

    async fn memory_read(
        &self,
        lease: &Lease,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, ControlError> {
        let doing = self.memory_lines(lease.clone(), path.clone(), start, lines);
        self.traced("memory_read", &lease.trace_id, doing).await
    }

    async fn claim_deliveries(
        &self,
        request: DeliveryRequest,
    ) -> Result<Vec<DeliveryBatch>, ControlError> {
        self.claim_lanes(request).await
    }

    async fn settle_delivery(
        &self,
        lane: &LaneLease,
        outbox_id: &OutboxId,
        trace_id: &TraceId,
        sent: Sent,
    ) -> Result<bool, ControlError> {
        let doing = self.store_sent(lane.clone(), outbox_id.clone(), sent);
        self.traced("settle_delivery", trace_id, doing).await
    }

    async fn release_lane(&self, lane: &LaneLease) -> Result<(), ControlError> {
        self.let_lane_go(lane.clone()).await
    }
}
