//! The integration tests, one binary.

mod architecture;
mod crash;
mod engine;
mod flow;
mod languages;
mod outbox;
mod queue;
mod readme;
mod state;
mod store;
