//! The integration tests, one binary.

mod outbox;
mod queue;
