//! What the attributes make of functions, and what the fakes promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod capabilities;
mod http;
mod tools;
mod turns;
