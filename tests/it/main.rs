//! The integration tests, one binary.

mod api;
mod architecture;
mod crash;
mod engine;
mod flow;
mod identity;
mod leader;
mod models;
mod outbox;
mod queue;
mod readme;
mod state;
mod store;
