//! Agent Factory.

pub mod artifacts;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod domain;
pub mod hydration;
pub mod identity;
pub mod ingress;
pub mod queue;
pub mod reply;
pub mod secrets;
pub mod state;
pub mod store;
pub mod worker;
pub mod workspace;
