//! What was settled is delivered, in order, whoever dies in between.

mod delivering;
pub(crate) mod driver;
