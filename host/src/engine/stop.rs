//! Why the host ends a call of a component.

use crate::config::Limits;
use crate::domain::{LimitExceeded, LimitName};

/// A reason for the host to end a call. Raised as a trap where it happens, and found again in the
/// error that the call ends with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// A limit is spent.
    #[error("{0}")]
    Exhausted(LimitExceeded),
    /// The guest used the host's functions in a way that has no answer; says how.
    #[error("{0}")]
    Misuse(String),
    /// The lease of the turn is gone.
    #[error("the lease was lost")]
    LeaseLost,
    /// The turn was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
}

impl Stop {
    /// A limit is spent.
    pub(super) fn over(limits: &Limits, limit: LimitName) -> Self {
        Self::Exhausted(LimitExceeded {
            limit,
            value: limits.get(limit),
        })
    }
}
