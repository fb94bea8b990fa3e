//! `agent-factory`.
fn main() {}
