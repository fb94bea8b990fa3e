//! `[maintenance]`: what is cleared away, and when.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("maintenance.every_ms", 100, 3_600_000, "milliseconds"),
    whole("maintenance.batch", 1, 10_000, "rows"),
    whole(
        "maintenance.workers_ms",
        300,
        31_536_000_000,
        "milliseconds",
    ),
    whole(
        "maintenance.snapshots_ms",
        300,
        31_536_000_000,
        "milliseconds",
    ),
    whole(
        "maintenance.finished_ms",
        300,
        31_536_000_000,
        "milliseconds",
    ),
    whole("maintenance.components_ms", 100, 3_600_000, "milliseconds"),
    whole(
        "maintenance.recompile_ms",
        1_000,
        31_536_000_000,
        "milliseconds",
    ),
    whole(
        "maintenance.superseded_code_ms",
        1_000,
        31_536_000_000,
        "milliseconds",
    ),
    whole(
        "maintenance.unreferenced_ms",
        60_000,
        31_536_000_000,
        "milliseconds",
    ),
    whole(
        "maintenance.receipts_ms",
        300,
        31_536_000_000,
        "milliseconds",
    ),
];

/// What the leading process clears away, and when (`[maintenance]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// The wait between two rounds, milliseconds. A round that stopped at a bound is followed by the next at once.
    pub every_ms: u64,
    /// Rows of one kind cleared away in one step.
    pub batch: u32,
    /// A worker that was not heard of for so long is forgotten, milliseconds.
    pub workers_ms: u64,
    /// A compiled snapshot that is not its agent's current one is kept for so long, milliseconds.
    pub snapshots_ms: u64,
    /// A message that is done or cancelled is kept for so long, milliseconds: its status, its failed attempts, its replies,
    /// and the knowledge that a repeat is one. Dead letters are kept until somebody replays or purges them.
    pub finished_ms: u64,
    /// The wait between two looks for components that are to be compiled for this version, and for artifacts that nobody
    /// needs, milliseconds.
    pub components_ms: u64,
    /// A component that did not compile for this version is tried again after so long, milliseconds.
    pub recompile_ms: u64,
    /// What was compiled for a version that no control plane has led or compiled with for so long is cleared away,
    /// milliseconds: no shorter than a rollout takes, since workers of that version need it.
    pub superseded_code_ms: u64,
    /// A component or file that nobody has referred to for so long is cleared away, milliseconds: no shorter than an upload
    /// takes.
    pub unreferenced_ms: u64,
    /// The receipt of an invocation is kept for so long, milliseconds. What a day's came to is kept for good.
    pub receipts_ms: u64,
}

impl Default for Maintenance {
    fn default() -> Self {
        Self {
            every_ms: 5_000,
            batch: 500,
            workers_ms: 86_400_000,
            snapshots_ms: 86_400_000,
            finished_ms: 604_800_000,
            components_ms: 10_000,
            recompile_ms: 3_600_000,
            superseded_code_ms: 604_800_000,
            unreferenced_ms: 86_400_000,
            receipts_ms: 604_800_000,
        }
    }
}
