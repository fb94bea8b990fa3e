//! What the attributes make of functions, and what the fakes promise.

mod capabilities;
mod tools;
mod turns;
