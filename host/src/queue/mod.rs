//! The durable queue: messages in, one at a time and in order per conversation.
//!
//! The *conversation* is what is scheduled, not the message. What it waits for is in `heads`, or a worker has it and it is in
//! `leases`, or it is idle and in neither. A claim reads an index of ready heads and moves them from the one to the other. So a conversation of a hundred thousand messages costs a claim as
//! much as one of a single message, and a crowd of messages scheduled for later costs it nothing.
//!
//! Every operation runs on a [`crate::store::Tx`], so that a completion can store the turn's results, the replies
//! and the settlement in one transaction. Whoever holds work holds a [`crate::domain::Lease`]: every operation
//! that changes the message compares its token and fence with what `leases` has of the conversation, and the lease's end with
//! the database's clock, before it does anything. A worker that lost its lease gets [`LeaseError::Lost`] and has
//! changed nothing.
//!
//! The order of a conversation is `(available_at, seq)`, given when a message arrives and never changed: a retry in
//! backoff keeps its place and holds what is behind it. `not_before` alone says when a message may run.
//!
//! - [`enqueue`], [`enqueue_all`]: accept messages, each once.
//! - [`claim`]: give due conversations to a worker, tenants in turn.
//! - [`register`], [`drain`]: a worker is bound to its pool, and told to end.
//! - [`start`], [`check`], [`heartbeat`]: what a worker does while it holds one.
//! - [`complete`], [`complete_all`], [`fail`], [`give_back`], [`hold`]: the ways a turn ends.
//! - [`sweep`], [`prune_workers`], [`forget_finished`]: what time does by itself: falling due, leases that end, workers that
//!   never came back, finished messages that nobody needs any more.
//! - [`hold_agent`], [`resume`], [`pause_tenant`], [`pause_conversation`] and their counterparts, [`cancel`],
//!   [`redrive`], [`purge`]: what a person does.
//! - [`stats`], [`messages`], [`message_status`], [`failed_attempts`], [`conversation`], [`dead_letters`], [`workers`]: what a person, an app and the
//!   scheduler read.

mod arrive;
mod cancel;
mod claim;
mod conversation;
mod dead_letters;
mod enqueue;
mod finish;
mod head;
mod heartbeat;
mod hold;
mod lease;
mod list;
mod pause;
mod payload;
mod places;
mod policy;
mod pools;
mod prune;
mod register;
mod repair;
mod repeat;
mod retention;
mod rows;
mod settle;
mod sources;
pub mod sql;
mod stats;
mod status;
mod sweep;
mod turns;
mod workers;

pub use cancel::{Cancelled, cancel};
pub use claim::{Batch, ClaimError, ClaimRequest, Claimed, MAX_CLAIM, claim};
pub use conversation::{Conversation, conversation};
pub use dead_letters::{DeadLetter, DeadLetterPlace, DeadLetterPlaceError, dead_letters};
pub use enqueue::{Enqueue, EnqueueError, Enqueued, enqueue, enqueue_all};
pub use heartbeat::{Beat, Heartbeat, heartbeat};
pub use hold::{hold, hold_agent, resume};
pub use lease::{LeaseError, Started, check, start};
pub use list::{Listed, MessageFilter, MessagePlace, MessagePlaceError, messages};
pub use pause::{
    limit_tenant, pause_conversation, pause_tenant, resume_conversation, resume_tenant,
};
pub use payload::payloads;
pub use policy::{LONGEST_RETRY_AFTER, Policy, Priority, Retry, RetryPolicy};
pub use pools::pools;
pub use prune::prune_workers;
pub use register::{drain, register};
pub use repair::{MAX_REPAIR, purge, purge_all, redrive, redrive_all};
pub use retention::forget_finished;
pub use settle::{FailOutcome, Settled, complete, complete_all, fail, give_back};
pub use stats::{QueueStats, Scope, next_change, stats};
pub use status::{FailedAttempt, MessageState, MessageStatus, failed_attempts, message_status};
pub use sweep::{Swept, sweep};
pub use workers::{WorkerInfo, workers};

pub(crate) use policy::{backoff, clipped};

use crate::store::StoreError;
use serde::Serialize;

/// Rows as the JSON array that a statement reads by `jsonb_each` or its like: one statement for many rows, since statements
/// are what costs on SQLite.
pub(crate) fn batch<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(StoreError::corrupt("batch"))
}

/// A count as the database has it, as a type that cannot be negative.
pub(crate) fn count(stored: i64) -> u32 {
    u32::try_from(stored.max(0)).unwrap_or(u32::MAX)
}
