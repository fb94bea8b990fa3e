//! Why the host ends a call of a component.

use crate::config::Limits;

/// A reason for the host to end a call. Raised as a trap where it happens, and found again in the
/// error that the call ends with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// A limit is spent; names it and its value.
    #[error("{0}")]
    Exhausted(String),
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
    pub(super) fn memory(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component needs more than the {} bytes of memory it may hold (memory_bytes)",
            limits.memory_bytes
        ))
    }

    pub(super) fn tables(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component needs more than the {} table elements it may hold (table_elements)",
            limits.table_elements
        ))
    }

    pub(super) fn host_calls(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component called the host more than {} times (host_calls)",
            limits.host_calls
        ))
    }

    pub(super) fn host_call_bytes(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component passed more than {} bytes in one call (host_call_bytes)",
            limits.host_call_bytes
        ))
    }

    pub(super) fn blobs(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component holds blobs of more than {} bytes that it made (blob_bytes)",
            limits.blob_bytes
        ))
    }

    pub(super) fn handles(limits: &Limits) -> Self {
        Self::Exhausted(format!(
            "the component holds more than {} resources (handles)",
            limits.handles
        ))
    }
}
