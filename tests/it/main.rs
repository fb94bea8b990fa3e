//! The integration tests, one binary.

mod api;
mod architecture;
mod contract;
mod crash;
mod deployment;
mod egress;
mod engine;
mod flow;
mod fuzzing;
mod history;
mod identity;
mod languages;
mod leader;
mod models;
mod outbox;
mod packaging;
mod queue;
mod readme;
mod remote;
mod state;
mod store;
mod telemetry;
mod workspace;
