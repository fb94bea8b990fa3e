use crate::queue::RetryPolicy;
use std::time::Duration;

/// How replies are delivered. Every value is a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Attempts to deliver one row; at least 1.
    pub max_attempts: u32,
    /// When a failed attempt is followed by the next.
    pub retry: RetryPolicy,
    /// How long a lane is leased without [`super::extend`].
    pub lease: Duration,
    /// How long a lane is leased at most.
    pub lease_total: Duration,
    /// Lanes one claim or sweep lets fall due, at most.
    pub promote_batch: u32,
    /// Ended leases one claim or sweep takes back, at most.
    pub sweep_batch: u32,
}
