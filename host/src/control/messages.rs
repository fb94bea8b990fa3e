//! What crosses the seam. Over HTTP it is JSON: names in camelCase, durations in whole milliseconds, bytes in base64.
//! A field that the other side does not know is passed over, so that versions can differ during a rollout.

use crate::domain::json::{millis, optional_millis};
use crate::domain::{
    Channel, ClaimTry, DocumentPath, HistoryMessage, KvWrite, Lease, OutboxId, Pool, Receipt,
    Reply, SecretValue, TraceId, WorkerId,
};
use crate::outbox::LaneLease;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A worker asks for turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRequest {
    /// Who asks.
    pub worker_id: WorkerId,
    /// Whose conversations. Not sent: a worker's token says it.
    #[serde(skip)]
    pub pool: Pool,
    /// How many turns it has room for.
    pub max: u32,
    /// Turns it runs. With none, it may be given a message that has crashed a worker before.
    pub in_flight: u32,
    /// How long to wait for a first one.
    #[serde(rename = "waitMs", with = "millis")]
    pub wait: Duration,
    /// Makes this claim repeatable; none where its answer cannot get lost.
    #[serde(default)]
    pub claim: Option<ClaimTry>,
}

/// A turn to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedTurn {
    /// The right to run it.
    pub lease: Lease,
    /// How long that lasts without a heartbeat.
    #[serde(rename = "leaseForMs", with = "millis")]
    pub lease_for: Duration,
    /// It has crashed a worker before: nothing else may run beside it.
    pub alone: bool,
}

/// What a claim gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// To run, at most one of a conversation.
    pub turns: Vec<ClaimedTurn>,
    /// A message that has crashed a worker before waits for a worker that runs nothing else.
    pub suspects_waiting: bool,
    /// Finish what is running, claim nothing more, and end.
    pub drain: bool,
    /// A tenant has as much in flight as it may: whoever waits looks again soon. Of no interest to workers.
    #[serde(skip)]
    pub crowded: bool,
}

/// What became of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Beat {
    /// It lasts this long from now.
    #[serde(rename = "extendedMs", with = "millis")]
    Extended(Duration),
    /// It lasts this long from now, but nobody wants the answer any more: stop the turn and give the message back.
    #[serde(rename = "cancelMs", with = "millis")]
    Cancel(Duration),
    /// It is gone.
    Lost,
}

/// What a heartbeat answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// One a lease, in their order.
    pub beats: Vec<Beat>,
    /// Finish what is running, claim nothing more, and end.
    pub drain: bool,
}

/// A lease that a worker goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// It.
    pub lease: Lease,
    /// Whether its turn runs: a worker that is lost from then on has crashed on the message.
    pub started: bool,
}

/// All a turn did, to be stored at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Completion {
    /// Appended to the history, after the message itself.
    pub history: Vec<HistoryMessage>,
    /// None: silence.
    pub reply: Option<Reply>,
    /// Appended to the agent's memory, in `memory_note`.
    pub memory: Vec<String>,
    /// The note of the bundle; none where nothing is appended.
    pub memory_note: Option<DocumentPath>,
    /// Writes of the conversation's key-value scope.
    pub kv: Vec<KvWrite>,
    /// What the turn cost.
    pub receipts: Vec<Receipt>,
    /// Messages that the agent sends to itself, in the same conversation: at most [`FOLLOW_UPS_MAX`].
    pub follow_ups: Vec<FollowUp>,
}

/// The most follow-ups of one turn.
pub const FOLLOW_UPS_MAX: usize = 16;

/// A message that a turn leaves to its own conversation: enqueued with the completion or not at all. Where the agent takes no
/// messages any more, it is dropped, and said in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowUp {
    /// What is to be read by the later turn.
    pub text: String,
    /// When it is to take its place, from now; at once where left out, behind what waits already. At most a year.
    #[serde(rename = "afterMs", default, with = "optional_millis")]
    pub after: Option<Duration>,
    /// 0 to 100; as configured where left out.
    #[serde(default)]
    pub priority: Option<u8>,
}

/// Why a turn did not succeed, by what should happen next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "next",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Failure {
    /// Try again, after the policy's backoff or after the time the engine named.
    Retry {
        /// For the operator.
        reason: String,
        /// At least this long, where the engine knows.
        #[serde(rename = "afterMs", default, with = "optional_millis")]
        after: Option<Duration>,
        /// What the turn cost.
        #[serde(default)]
        receipts: Vec<Receipt>,
    },
    /// No retry helps.
    Permanent {
        /// For the operator.
        reason: String,
        /// What the turn cost.
        #[serde(default)]
        receipts: Vec<Receipt>,
    },
    /// A person must act; the agent's messages wait.
    Hold {
        /// For that person.
        reason: String,
        /// What the turn cost.
        #[serde(default)]
        receipts: Vec<Receipt>,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Retry { reason, .. }
        | Self::Permanent { reason, .. }
        | Self::Hold { reason, .. }) = self;
        out.write_str(reason)
    }
}

/// What became of a failed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Settled {
    /// It runs again, not before this long from now.
    #[serde(rename = "requeuedMs", with = "millis")]
    Requeued(Duration),
    /// It is among the dead letters.
    DeadLettered,
    /// It waits with its agent.
    Held,
    /// Somebody cancelled it meanwhile.
    Cancelled,
}

/// A worker asks for replies to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryRequest {
    /// Who asks.
    pub worker_id: WorkerId,
    /// Whose conversations. Not sent: a worker's token says it.
    #[serde(skip)]
    pub pool: Pool,
    /// How many conversations it has room for.
    pub max: u32,
    /// How long to wait for a first one.
    #[serde(rename = "waitMs", with = "millis")]
    pub wait: Duration,
    /// Makes this claim repeatable; none where its answer cannot get lost.
    #[serde(default)]
    pub claim: Option<ClaimTry>,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Which.
    pub outbox_id: OutboxId,
    /// Follows the message it answers through logs.
    pub trace_id: TraceId,
    /// Where to.
    pub channel: Channel,
    /// What.
    pub body: String,
    /// 1 for the first try.
    pub attempt: u32,
}

/// A conversation's replies, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBatch {
    /// The right to send them.
    pub lane: LaneLease,
    /// How long that lasts.
    #[serde(rename = "leaseForMs", with = "millis")]
    pub lease_for: Duration,
    /// What to send.
    pub deliveries: Vec<Delivery>,
    /// The token of the tenant's own bot; none where it is not configured.
    pub bot_token: Option<SecretValue>,
}
