//! The control plane in this process.
//!
//! One method of [`ControlPlane`] is one transaction, begun with the check of its lease: what a lost lease asks for
//! does not happen, not even in part.

mod deliveries;
mod lookups;
mod settle;
mod turns;

use super::{
    Beat, ClaimRequest, Claims, Completion, ComponentPart, ControlError, ControlPlane,
    DeliveryBatch, DeliveryRequest, Failure, LaneLease, Sent, Settled,
};
use crate::clock::Ids;
use crate::domain::{
    Digest, DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit, OutboxId,
    Pool, WorkerId,
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
    async fn look_again(&self, waiting: &mut Waiting) -> Result<bool, ControlError> {
        let left = waiting.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || self.closing.is_cancelled() {
            return Ok(false);
        }
        let due = self.next_change(waiting.topic).await?.unwrap_or(left);
        let longest = left.min(self.policies.poll).min(due.max(SHORTEST_WAIT));
        self.closing
            .run_until_cancelled(waiting.listener.changed(longest))
            .await;
        Ok(!self.closing.is_cancelled())
    }

    async fn next_change(&self, topic: Topic) -> Result<Option<Duration>, ControlError> {
        let next: Result<_, StoreError> = self
            .db
            .read(move |tx| Box::pin(queue::next_change(tx, topic)))
            .await;
        Ok(next?)
    }
}

/// A claim that finds what was due gone looks again no sooner than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

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
        self.hydrate_turn(lease.clone()).await
    }

    async fn snapshot(&self, lease: &Lease, digest: Digest) -> Result<Snapshot, ControlError> {
        self.snapshot_of(lease.clone(), digest).await
    }

    async fn component(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
    ) -> Result<CompiledComponent, ControlError> {
        self.component_of(lease.clone(), digest, platform.clone())
            .await
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
        leases: &[Lease],
    ) -> Result<Vec<Beat>, ControlError> {
        self.prolong(worker.clone(), pool.clone(), leases.to_vec())
            .await
    }

    async fn complete(&self, lease: &Lease, completion: Completion) -> Result<(), ControlError> {
        self.store_completion(lease.clone(), completion).await
    }

    async fn fail(&self, lease: &Lease, failure: Failure) -> Result<Settled, ControlError> {
        self.store_failure(lease.clone(), failure).await
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), ControlError> {
        let lease = lease.clone();
        self.leased(move |tx| Box::pin(async move { queue::give_back(tx, &lease).await }))
            .await
    }

    async fn kv_get(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, ControlError> {
        self.kv_read(lease.clone(), owner.clone(), scope, key.to_owned())
            .await
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
        self.kv_write(lease.clone(), owner.clone(), set).await
    }

    async fn kv_delete(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<(), ControlError> {
        self.kv_remove(
            lease.clone(),
            owner.clone(),
            key.to_owned(),
            call.to_owned(),
        )
        .await
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
        self.kv_keys(lease.clone(), owner.clone(), scope, range)
            .await
    }

    async fn memory_search(
        &self,
        lease: &Lease,
        query: &str,
        limit: u32,
    ) -> Result<Vec<MemoryHit>, ControlError> {
        self.memory_hits(lease.clone(), query.to_owned(), limit)
            .await
    }

    async fn memory_read(
        &self,
        lease: &Lease,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, ControlError> {
        self.memory_lines(lease.clone(), path.clone(), start, lines)
            .await
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
        sent: Sent,
    ) -> Result<bool, ControlError> {
        self.store_sent(lane.clone(), outbox_id.clone(), sent).await
    }

    async fn release_lane(&self, lane: &LaneLease) -> Result<(), ControlError> {
        self.let_lane_go(lane.clone()).await
    }
}
