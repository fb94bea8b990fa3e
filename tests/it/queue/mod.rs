//! The queue keeps what it was given, in order, and lets no dead lease change anything.

pub(crate) mod driver;

mod accepting;
mod batches;
mod cancelling;
mod claiming;
mod cliffs;
mod crowding;
mod forgetting;
mod leasing;
mod model;
mod pausing;
mod plans;
mod races;
mod repairing;
mod repeating;
mod settling;
mod stress;
mod whole;
