//! Agent Factory.

pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod secrets;
