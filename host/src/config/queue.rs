//! `[queue]`: priorities, claims and the size of a message.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("queue.default_priority", 0, 100, "(higher goes first)"),
    whole("queue.claim_batch_size", 1, 512, "conversations"),
    whole("queue.max_attempts", 1, 100, "attempts"),
    whole("queue.max_crashes", 1, 100, "workers lost"),
    whole("queue.tenant_in_flight", 1, 100_000, "messages"),
    whole("queue.max_payload_bytes", 1 << 10, 16 << 20, "bytes"),
    whole("queue.poll_ms", 10, 60_000, "milliseconds"),
    whole("queue.promote_batch", 1, 100_000, "conversations"),
    whole("queue.sweep_batch", 1, 100_000, "leases"),
];

/// How messages wait and how they are claimed (`[queue]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// The priority of a message that names none, 0 to 100; higher goes first. It orders
    /// conversations by their head message, never messages within one conversation.
    pub default_priority: u8,
    /// The most conversations that one claim hands out. A worker asks for no more than it has free
    /// slots for.
    pub claim_batch_size: u32,
    /// Attempts until a message goes to the dead letters.
    pub max_attempts: u32,
    /// Workers that may be lost while they run a message until it goes to the dead letters, whatever attempts it has left: what
    /// kills workers is not to kill five.
    pub max_crashes: u32,
    /// Messages of one tenant that workers have at once, where the tenant has no number of its own. Claims that overlap may
    /// overshoot it, each by its batch at most.
    pub tenant_in_flight: u32,
    /// One message's payload as JSON, bytes. A bigger one is refused when it is enqueued.
    pub max_payload_bytes: u64,
    /// How long a claim that found nothing waits before it looks again, milliseconds. Looking is the
    /// truth; a wake-up in between is a hint that may get lost.
    pub poll_ms: u64,
    /// Conversations moved from "later" to "ready" in one step.
    pub promote_batch: u32,
    /// Expired leases given back in one step.
    pub sweep_batch: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            default_priority: 50,
            claim_batch_size: 25,
            max_attempts: 5,
            max_crashes: 3,
            tenant_in_flight: 500,
            max_payload_bytes: 256 << 10,
            poll_ms: 500,
            promote_batch: 500,
            sweep_batch: 500,
        }
    }
}
