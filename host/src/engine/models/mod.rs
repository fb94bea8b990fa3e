//! Requests to the agent's models, made for its engine.
//!
//! The engine writes the body in the vendor's wire format; all else is the host's: the address and the
//! credential of an endpoint ([`TurnModel`]), the budget (`budget`), reading the answer piece by piece (`exchange`,
//! `events`), and counting tokens as the vendor reports them (`usage`).

mod api;
mod budget;
mod endpoint;
mod events;
mod exchange;
mod usage;

use crate::domain::LimitExceeded;
use serde::Serialize;

pub use endpoint::{Credential, TurnModel};

pub(super) use budget::Spent;
pub(super) use endpoint::open;
pub(super) use exchange::{Event, Exchange};

/// A vendor's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) retry_after_ms: Option<u32>,
    /// The start of the body.
    pub(super) body: String,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) enum ModelFailure {
    /// A person must act.
    NotConfigured(String),
    /// A limit is spent; the text names it.
    OverBudget(LimitExceeded, String),
    /// The vendor said no.
    Status(Status),
    /// No answer began.
    Unreachable(String),
    /// The answer broke off.
    Interrupted(String),
    /// Anything else.
    Other(String),
}
