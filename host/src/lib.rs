//! Agent Factory.

pub mod artifacts;
pub mod clock;
pub mod config;
pub mod domain;
pub mod state;
pub mod store;
pub mod workspace;
