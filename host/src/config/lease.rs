//! `[lease]`: how long a worker owns what it claimed.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("lease.lease_ms", 300, 3_600_000, "milliseconds"),
    whole("lease.stale_after_ms", 300, 86_400_000, "milliseconds"),
    whole("lease.max_total_ms", 300, 86_400_000, "milliseconds"),
];

/// How long a worker owns what it claimed (`[lease]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lease {
    /// A lease without a heartbeat ends after this, milliseconds. One minute: the reference went up
    /// to six because its workers could not heartbeat during a turn; ours can, and a crash should
    /// not cost a user six minutes.
    pub lease_ms: u64,
    /// A worker that has not been heard of for so long counts as gone, milliseconds.
    pub stale_after_ms: u64,
    /// The longest one lease lives, however often it is renewed, milliseconds. It ends the turn of
    /// a worker that hangs but still heartbeats.
    pub max_total_ms: u64,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            stale_after_ms: 90_000,
            max_total_ms: 900_000,
        }
    }
}

impl Lease {
    /// How long a lease lives without a heartbeat.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The time between two heartbeats: a third of the lease, so that one may get lost. Not a
    /// setting, because any other relation is a mistake.
    #[must_use]
    pub const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.lease_ms / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heartbeats_fit_into_every_lease() {
        let shortest = Lease {
            lease_ms: 300,
            ..Lease::default()
        };
        for lease in [shortest, Lease::default()] {
            assert!(lease.heartbeat() * 2 < lease.lease());
        }
        assert_eq!(Lease::default().heartbeat(), Duration::from_secs(20));
    }
}
