//! The bodies of a worker's requests and answers where they hold more than one value; the others are sent as they are
//! ([`super::ClaimRequest`], [`super::DeliveryRequest`]).

use super::{Beat, Completion, DeliveryBatch, Failure, LaneLease, Sent, Settled};
use crate::domain::json::{base64_bytes, millis};
use crate::domain::{
    Digest, DocumentPath, KvEntry, KvError, KvOwner, KvScope, Lease, MemoryHit, OutboxId, Pool,
    Receipt, TraceId, WorkerId,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Carries the lease under which an artifact is asked for, as JSON: a request that can be repeated from the middle has
/// no body, and a lease's token does not belong into an address.
pub const LEASE_HEADER: &str = "agent-factory-lease";

/// Carries the Ed25519 signature over the whole artifact and what it is for; hex.
pub const SIGNATURE_HEADER: &str = "agent-factory-signature";

/// Carries the kind of an artifact and a digest of its tools, which are under its signature.
pub const DESCRIPTION_HEADER: &str = "agent-factory-description";

/// A worker makes itself known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterRequest {
    /// The name of this life of the worker; it stays in the pool it first registered with.
    #[schema(value_type = String)]
    pub worker_id: WorkerId,
}

/// What a worker begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The pool that the worker's token opens.
    #[schema(value_type = String)]
    pub pool: Pool,
    /// The public half of the Ed25519 key that this control plane signs compiled components with; hex.
    pub artifact_key: String,
    /// How often to prolong leases, milliseconds.
    #[serde(rename = "heartbeatEveryMs", with = "millis")]
    #[schema(value_type = u64)]
    pub heartbeat_every: Duration,
    /// The version of the control plane.
    #[serde(default)]
    pub version: String,
}

/// Of an operation on one lease that needs nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
}

/// A snapshot is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// As the bundle named it.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// Leases are prolonged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatRequest {
    /// Who.
    #[schema(value_type = String)]
    pub worker_id: WorkerId,
    /// What it runs.
    #[schema(value_type = Vec<Object>)]
    pub leases: Vec<Lease>,
    /// The places in `leases`, from 0, of those whose turns run.
    #[serde(default)]
    pub started: Vec<u32>,
}

/// What became of leases, in the order in which they were named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatAnswer {
    /// One for each.
    #[schema(value_type = Vec<Object>)]
    pub beats: Vec<Beat>,
    /// The places in `beats`, from 0, of those that last, but whose answers nobody wants any more.
    #[serde(default)]
    pub cancelled: Vec<u32>,
    /// The worker is to finish what it has, claim nothing more, and end.
    #[serde(default)]
    pub drain: bool,
}

/// A turn ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// All it did.
    #[schema(value_type = Object)]
    pub completion: Completion,
}

/// Turns ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteAllRequest {
    /// One a turn, at most 256.
    pub completions: Vec<CompleteRequest>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteAllAnswer {
    /// One each, in their order.
    pub results: Vec<CompleteResult>,
}

/// What became of one of many completions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CompleteResult {
    /// It is settled, now or by the same lease before.
    Settled,
    /// The lease is gone; nothing of it is stored.
    LeaseLost,
    /// It cannot be stored, for this reason.
    Refused(String),
}

/// A turn did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// Why, by what should happen next.
    #[schema(value_type = Object)]
    pub failure: Failure,
}

/// A message is put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GiveBackRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// What was spent on it all the same.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub receipts: Vec<Receipt>,
}

/// What became of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailAnswer {
    /// It.
    #[schema(value_type = Object)]
    pub settled: Settled,
}

/// A value is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyValueGetRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// A skill's name; null for the engine's own keys.
    #[schema(value_type = Option<String>)]
    pub owner: KvOwner,
    /// `agent` or `conversation`.
    #[schema(value_type = String)]
    pub scope: KvScope,
    /// Where.
    pub key: String,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyValueGetAnswer {
    /// The value (base64) and its version; null where there is none.
    #[schema(value_type = Option<Object>)]
    pub entry: Option<KvEntry>,
}

/// A value of the agent's scope is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyValueSetRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// A skill's name; null for the engine's own keys.
    #[schema(value_type = Option<String>)]
    pub owner: KvOwner,
    /// Where.
    pub key: String,
    /// What, in base64.
    #[serde(with = "base64_bytes")]
    #[schema(value_type = String)]
    pub value: Vec<u8>,
    /// Only over this version; 0: only where there is none.
    #[serde(default)]
    pub if_version: Option<u64>,
    /// Names this write; its repeat changes nothing.
    pub call: String,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyValueSetAnswer {
    /// It is stored, under this version.
    Version(u64),
    /// It is not, for this reason.
    #[schema(value_type = Object)]
    Refused(KvError),
}

/// A value of the agent's scope is removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyValueDeleteRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// A skill's name; null for the engine's own keys.
    #[schema(value_type = Option<String>)]
    pub owner: KvOwner,
    /// Where.
    pub key: String,
    /// Names this removal; its repeat changes nothing.
    pub call: String,
}

/// Keys are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyValueListRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// A skill's name; null for the engine's own keys.
    #[schema(value_type = Option<String>)]
    pub owner: KvOwner,
    /// `agent` or `conversation`.
    #[schema(value_type = String)]
    pub scope: KvScope,
    /// Keys that begin with this.
    #[serde(default)]
    pub prefix: String,
    /// Keys behind this one.
    #[serde(default)]
    pub after: String,
    /// The most keys.
    pub limit: u32,
}

/// The agent's memory is searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemorySearchRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// Words.
    pub query: String,
    /// The most hits.
    pub limit: u32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemorySearchAnswer {
    /// Best first.
    #[schema(value_type = Vec<Object>)]
    pub hits: Vec<MemoryHit>,
}

/// Lines of a memory document are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryReadRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lease: Lease,
    /// Which document.
    #[schema(value_type = String)]
    pub path: DocumentPath,
    /// The first line, 1-based.
    pub start: u32,
    /// The most lines.
    pub lines: u32,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryReadAnswer {
    /// The lines; null where there is no such document.
    pub text: Option<String>,
}

/// Replies to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveriesAnswer {
    /// A conversation's each.
    #[schema(value_type = Vec<Object>)]
    pub batches: Vec<DeliveryBatch>,
    /// How long the control plane waited before it leased them, milliseconds. Whatever else of the request's time has
    /// passed when a worker reads this, be it in the network or because the worker was stopped, is gone from the leases.
    #[serde(rename = "waitedMs", with = "millis", default)]
    #[schema(value_type = u64)]
    pub waited: Duration,
}

/// A reply was sent, or was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettleDeliveryRequest {
    /// Under which lease.
    #[schema(value_type = Object)]
    pub lane: LaneLease,
    /// Which.
    #[schema(value_type = String)]
    pub outbox_id: OutboxId,
    /// Its message's trace.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// What became of it.
    #[schema(value_type = Object)]
    pub sent: Sent,
}

/// Whether to go on with the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettleDeliveryAnswer {
    /// Its lease goes on, and rows are left.
    pub go_on: bool,
}

/// A lane is let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseLaneRequest {
    /// Which.
    #[schema(value_type = Object)]
    pub lane: LaneLease,
}
