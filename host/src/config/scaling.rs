//! `[scaling]`: how many workers there should be.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("scaling.min_workers", 0, 10_000, "workers"),
    whole("scaling.max_workers", 0, 10_000, "workers"),
    whole(
        "scaling.queue_per_worker_target",
        1,
        10_000,
        "conversations",
    ),
    whole("scaling.spawn_step", 1, 1_000, "workers"),
    whole("scaling.drain_step", 1, 1_000, "workers"),
    whole("scaling.idle_timeout_ms", 1_000, 86_400_000, "milliseconds"),
    whole(
        "scaling.reconcile_interval_ms",
        100,
        3_600_000,
        "milliseconds",
    ),
];

/// How many workers there should be, in each pool for itself (`[scaling]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaling {
    /// Workers that are kept even with nothing to do.
    pub min_workers: u32,
    /// The most workers. With 0 none is started.
    pub max_workers: u32,
    /// Conversations with work for which one worker is wanted.
    pub queue_per_worker_target: u32,
    /// The most workers started in one step.
    pub spawn_step: u32,
    /// The most workers drained in one step.
    pub drain_step: u32,
    /// A worker without work for so long is drained, milliseconds.
    pub idle_timeout_ms: u64,
    /// The time between two steps, milliseconds.
    pub reconcile_interval_ms: u64,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            min_workers: 0,
            max_workers: 20,
            queue_per_worker_target: 5,
            spawn_step: 1,
            drain_step: 1,
            idle_timeout_ms: 120_000,
            reconcile_interval_ms: 15_000,
        }
    }
}
