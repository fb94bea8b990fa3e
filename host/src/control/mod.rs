//! The seam between workers and the control plane.
//!
//! A worker reaches queue, hydration, state and outbox through [`ControlPlane`] and nothing else: it has no database.
//! In one process the seam is [`LocalControl`], a call; between machines it is a request. So everything that
//! crosses it is a plain value that can be serialized, errors are few and typed, and every write carries the
//! lease it acts under. A lost lease is always [`ControlError::LeaseLost`], and the worker's only answer to it
//! is to stop that turn.

mod local;
mod messages;
pub mod requests;

pub use local::{LocalControl, Policies};
pub use messages::{
    Beat, ClaimRequest, ClaimedTurn, Claims, Completion, Delivery, DeliveryBatch, DeliveryRequest,
    FOLLOW_UPS_MAX, Failure, FollowUp, Heartbeat, HeldLease, Settled,
};

use crate::domain::{
    Digest, DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit, OutboxId,
    Pool, Receipt, TraceId, WorkerId,
};
use crate::engine::{CompiledComponent, Platform, Seal};
use crate::hydration::{Bundle, Snapshot};
pub use crate::outbox::LaneLease;
pub use crate::reply::Sent;
use async_trait::async_trait;
use std::time::Duration;

/// Why the control plane did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    /// The lease is gone: another worker may have the message. Nothing of the request took effect.
    #[error("the lease is lost")]
    LeaseLost,
    /// The request cannot succeed, however often it is repeated.
    #[error("{0}")]
    Refused(String),
    /// The control plane or its database did not answer; the request may be repeated.
    #[error("the control plane is unavailable: {0}")]
    Unavailable(String),
}

/// Everything a worker may ask of the control plane.
#[async_trait]
pub trait ControlPlane: Send + Sync + 'static {
    /// Lease up to `max` conversations with a due message (`workerClaim`). Waits up to `wait` for one.
    async fn claim(&self, request: ClaimRequest) -> Result<Claims, ControlError>;

    /// Mark the message as started and get what its turn needs (`workerHydrationBundle`).
    async fn hydrate(&self, lease: &Lease) -> Result<Bundle, ControlError>;

    /// The agent's snapshot that a bundle named.
    async fn snapshot(&self, lease: &Lease, digest: Digest) -> Result<Snapshot, ControlError>;

    /// A component the agent may use, compiled for `platform`.
    async fn component(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
    ) -> Result<CompiledComponent, ControlError>;

    /// A part of what [`ControlPlane::component`] gives, from `offset` on and at most `most` bytes, for a transfer that
    /// can break off and be taken up again (`workerArtifact`).
    async fn component_part(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
        offset: u64,
        most: u64,
    ) -> Result<ComponentPart, ControlError>;

    /// Prolong leases, and say which of their turns run (`workerHeartbeat`).
    async fn heartbeat(
        &self,
        worker: &WorkerId,
        pool: &Pool,
        leases: &[HeldLease],
    ) -> Result<Heartbeat, ControlError>;

    /// Settle the message and store all its turn did, in one transaction (`workerComplete`). A repeat succeeds.
    async fn complete(&self, lease: &Lease, completion: Completion) -> Result<(), ControlError>;

    /// As [`ControlPlane::complete`], many at once (`workerCompleteAll`): each is settled by itself, and one that is lost
    /// or refused stands in no other's way. Answers in their order; an error of the whole means that none is known to be settled.
    async fn complete_all(
        &self,
        completions: Vec<(Lease, Completion)>,
    ) -> Result<Vec<Result<(), ControlError>>, ControlError>;

    /// The turn did not succeed (`workerFail`).
    async fn fail(&self, lease: &Lease, failure: Failure) -> Result<Settled, ControlError>;

    /// Put the message back as if it had not been claimed: the worker stops. What was `spent` on it all the same is kept.
    async fn give_back(&self, lease: &Lease, spent: Vec<Receipt>) -> Result<(), ControlError>;

    /// Read a value.
    async fn kv_get(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, ControlError>;

    /// Write a value of the agent's scope, at once. The repeat of a `call` changes nothing.
    async fn kv_set(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, ControlError>;

    /// Remove a value of the agent's scope, at once. The repeat of a `call` changes nothing.
    async fn kv_delete(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<(), ControlError>;

    /// Keys with a prefix, after a key, at most `limit`.
    async fn kv_list(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<KvPage, ControlError>;

    /// The best hits in the agent's memory.
    async fn memory_search(
        &self,
        lease: &Lease,
        query: &str,
        limit: u32,
    ) -> Result<Vec<MemoryHit>, ControlError>;

    /// Lines of a memory document.
    async fn memory_read(
        &self,
        lease: &Lease,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, ControlError>;

    /// Lease conversations with replies to deliver. Waits up to the request's `wait` for one.
    async fn claim_deliveries(
        &self,
        request: DeliveryRequest,
    ) -> Result<Vec<DeliveryBatch>, ControlError>;

    /// A reply was sent, or was not; answers whether to go on with the lane. `trace_id` is the message's, for the log.
    async fn settle_delivery(
        &self,
        lane: &LaneLease,
        outbox_id: &OutboxId,
        trace_id: &TraceId,
        sent: Sent,
    ) -> Result<bool, ControlError>;

    /// Let go of a lane; what is left in it is delivered by whoever claims it next.
    async fn release_lane(&self, lane: &LaneLease) -> Result<(), ControlError>;
}

/// A part of a compiled component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPart {
    /// Over the whole, with what it is and what it is for.
    pub seal: Seal,
    /// The size of the whole, bytes.
    pub size: u64,
    /// Some of the code; empty behind its end.
    pub bytes: Vec<u8>,
}

/// How long a worker waits before it repeats a request to a control plane that did not answer.
pub const RETRY_UNAVAILABLE: Duration = Duration::from_millis(500);
