//! `[outbox]`: how replies are claimed for delivery.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("outbox.lease_ms", 300, 3_600_000, "milliseconds"),
    whole("outbox.batch", 1, 1_000, "replies"),
];

/// How replies are claimed for delivery (`[outbox]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbox {
    /// A delivery that was not settled within this is given to another worker, milliseconds.
    pub lease_ms: u64,
    /// The most replies that one claim hands out.
    pub batch: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            batch: 50,
        }
    }
}
