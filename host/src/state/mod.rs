//! What turns leave behind: history, key-value state, memory, receipts and what they come to.
//!
//! Everything here runs on the caller's transaction, so that a completion stores all of a turn or nothing of
//! it. Who may call is decided before, by the lease ([`crate::queue`]); the tenant, the agent and the
//! conversation come from that lease and never from a guest.

pub mod history;
pub mod key_value;
pub mod memory;
pub mod receipts;
pub mod usage;
