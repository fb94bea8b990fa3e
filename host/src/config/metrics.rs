//! `[metrics]`: how often the queue is read for them.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] =
    &[whole("metrics.fresh_ms", 0, 3_600_000, "milliseconds")];

/// How often the queue is read for the figures of `/metrics` (`[metrics]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Figures of the queue that are younger than this are told again and not read again, milliseconds.
    pub fresh_ms: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { fresh_ms: 5_000 }
    }
}
