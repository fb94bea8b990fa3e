//! Where messages come in.
//!
//! A webhook checks who sends, drops repeats, stores the message and only then answers with success. Nothing else
//! happens here: no engine, no reply, no waiting for either.

mod error;
mod server;
mod telegram;
mod update;

pub use error::IngressError;
pub use server::{Ingress, router};
