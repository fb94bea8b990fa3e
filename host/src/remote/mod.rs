//! The control plane from afar: a worker on a machine of its own reaches it over HTTP, and nothing else.
//!
//! [`RemoteControl`] is a [`crate::control::ControlPlane`] like the one in the same process; the worker cannot tell. It has
//! addresses and a token, and no database, no master key and no tenant's token. Requests go to one control plane until it does
//! not answer, then to the next. What could be stored twice by a repeat names itself (a claim its id, a write its call),
//! so that every request may be repeated.
//!
//! Whom a worker trusts: the control plane at its address, behind TLS or on a private network, which tells it at
//! registration whose compiled code to run. Neither its own disk nor what is in between: artifacts are verified
//! against that key whenever they are read.

mod address;
mod answer;
mod cache;
mod claims;
mod control;
mod download;
mod link;
mod refusals;

pub use address::{Address, AddressError, Addresses};
pub use cache::{ArtifactCache, ArtifactKey};
pub use control::{Joined, RemoteControl, RemoteSettings};
pub use link::LinkError;
