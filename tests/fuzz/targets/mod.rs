//! What is fuzzed: one function a kind of bytes that strangers send. Each takes any bytes, and panics where something that must
//! hold does not.
//!
//! `cargo xtask fuzz` runs them under libFuzzer; the tests run their seeds and some made-up inputs on every change
//! (`tests/it/fuzzing.rs`).

pub mod admission;
pub mod egress;
pub mod manifest;
pub mod redaction;
pub mod rules;
