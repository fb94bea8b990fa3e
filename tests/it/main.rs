//! The integration tests, one binary.

mod crash;
mod flow;
mod outbox;
mod queue;
