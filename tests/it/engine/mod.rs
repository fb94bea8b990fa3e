//! The component host against components that misbehave on request.

mod artifacts;
mod compile;
mod compiler;
pub(crate) mod fixture;
mod isolation;
mod limits;
<<<<<<< HEAD
pub(crate) mod lookups;
=======
mod lookups;
mod released;
>>>>>>> main
mod tools;
mod turns;
