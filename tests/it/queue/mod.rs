//! The queue keeps what it was given, in order, and lets no dead lease change anything.

pub(crate) mod driver;

mod accepting;
mod claiming;
mod leasing;
mod model;
mod plans;
mod races;
mod repeating;
mod settling;
