//! The component host against components that misbehave on request.

mod artifacts;
mod compile;
mod compiler;
mod credentials;
pub(crate) mod fixture;
mod isolation;
mod limits;
pub(crate) mod lookups;
mod released;
mod requests;
mod tools;
mod turns;
