//! The durable queue: messages in, one at a time and in order per conversation.
//!
//! The *conversation* is what is scheduled, not the message. A claim reads an index of ready conversations and
//! touches one message of each: the head. So a conversation of a hundred thousand messages costs a claim as
//! much as one of a single message, and a crowd of messages scheduled for later costs it nothing.
//!
//! Every operation runs on a [`crate::store::Tx`], so that a completion can store the turn's results, the replies
//! and the settlement in one transaction. Whoever holds work holds a [`crate::domain::Lease`]: every operation
//! that changes the message compares its token and fence with the conversation's row, and the lease's end with
//! the database's clock, before it does anything. A worker that lost its lease gets [`LeaseError::Lost`] and has
//! changed nothing.
//!
//! The order of a conversation is `(available_at, seq)`, given when a message arrives and never changed: a retry in
//! backoff keeps its place and holds what is behind it. `not_before` alone says when a message may run.
//!
//! - [`enqueue`]: accept a message, once.
//! - [`claim`]: give due conversations to a worker, tenants in turn.
//! - [`register`]: a worker is bound to its pool.
//! - [`start`], [`check`], [`heartbeat`]: what a worker does while it holds one.
//! - [`complete`], [`fail`], [`give_back`], [`hold`]: the ways a turn ends.
//! - [`sweep`], [`prune_workers`]: what time does by itself: falling due, leases that end, workers that never came back.
//! - [`hold_agent`], [`resume`], [`redrive`]: what a person does.
//! - [`stats`], [`message_status`], [`conversation`], [`dead_letters`], [`workers`]: what a person, an app and the
//!   scheduler read.

mod claim;
mod conversation;
mod dead_letters;
mod enqueue;
mod head;
mod heartbeat;
mod hold;
mod lease;
mod payload;
mod policy;
mod prune;
mod redrive;
mod register;
mod repeat;
mod rows;
mod settle;
pub mod sql;
mod stats;
mod status;
mod sweep;
mod turns;
mod workers;

pub use claim::{Batch, ClaimError, ClaimRequest, Claimed, MAX_CLAIM, claim};
pub use conversation::{Conversation, conversation};
pub use dead_letters::{DeadLetter, DeadLetterPlace, DeadLetterPlaceError, dead_letters};
pub use enqueue::{Enqueue, EnqueueError, Enqueued, enqueue};
pub use heartbeat::{Beat, heartbeat};
pub use hold::{hold, hold_agent, resume};
pub use lease::{LeaseError, Started, check, start};
pub use payload::payload;
pub use policy::{LONGEST_RETRY_AFTER, Policy, Priority, Retry, RetryPolicy};
pub use prune::prune_workers;
pub use redrive::redrive;
pub use register::register;
pub use settle::{FailOutcome, Settled, complete, fail, give_back};
pub use stats::{QueueStats, Scope, next_change, stats};
pub use status::{MessageState, MessageStatus, message_status};
pub use sweep::{Swept, sweep};
pub use workers::{WorkerInfo, workers};

pub(crate) use policy::{backoff, clipped};

use crate::store::StoreError;
use serde::Serialize;

/// Rows as the JSON array that a statement reads by `json_each`: one statement for many rows, since statements
/// are what costs on SQLite.
pub(crate) fn batch<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(StoreError::corrupt("batch"))
}

/// A count as the database has it, as a type that cannot be negative.
pub(crate) fn count(stored: i64) -> u32 {
    u32::try_from(stored.max(0)).unwrap_or(u32::MAX)
}
