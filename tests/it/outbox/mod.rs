//! What was settled is delivered, in order, whoever dies in between.

mod delivering;
mod driver;
