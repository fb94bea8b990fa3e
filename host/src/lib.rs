//! Agent Factory.

pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
