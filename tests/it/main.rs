//! The integration tests, one binary.

mod api;
mod architecture;
mod contract;
mod crash;
mod deployment;
mod engine;
mod flow;
mod identity;
mod leader;
mod outbox;
mod queue;
mod readme;
mod remote;
mod state;
mod store;
mod workspace;
