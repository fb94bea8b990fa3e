//! The integration tests, one binary.

mod crash;
mod engine;
mod flow;
mod outbox;
mod queue;
mod readme;
mod state;
mod store;
