//! The component host against components that misbehave on request.

mod artifacts;
mod compile;
mod compiler;
mod credentials;
pub(crate) mod fixture;
mod hostile;
mod isolation;
mod limits;
pub(crate) mod lookups;
mod recording;
mod released;
mod requests;
pub(crate) mod sources;
mod tools;
mod turns;
