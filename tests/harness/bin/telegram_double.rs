//! The Bot API double as a program.
fn main() {}
