//! What the integration tests stand on.

pub mod api;
pub mod built;
pub mod database;
pub mod dev;
pub mod factory;
pub mod postgres;
pub mod telegram;
