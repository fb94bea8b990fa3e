//! The component host against components that misbehave on request.

mod artifacts;
mod compile;
mod compiler;
mod fixture;
mod isolation;
mod limits;
mod lookups;
mod released;
mod tools;
mod turns;
