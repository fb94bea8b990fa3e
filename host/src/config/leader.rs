//! `[leader]`: how long one process leads the singleton loops.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const QUANTITIES: &[Quantity] =
    &[whole("leader.lease_ms", 300, 3_600_000, "milliseconds")];

/// How long one process leads the singleton loops (`[leader]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leader {
    /// The lead of a process that was not heard of ends after this, milliseconds. It is renewed every third of it. Nothing
    /// that users wait for hangs on it, so it may be longer than a pause that is no crash.
    pub lease_ms: u64,
}

impl Default for Leader {
    fn default() -> Self {
        Self { lease_ms: 15_000 }
    }
}

impl Leader {
    /// How long the lead lasts without being renewed.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}
