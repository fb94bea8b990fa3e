//! What the integration tests stand on.

pub mod api;
pub mod built;
pub mod contract;
pub mod database;
pub mod deployment;
pub mod dev;
pub mod factory;
pub mod postgres;
pub mod remote;
pub mod serve;
pub mod telegram;
pub mod wire;
