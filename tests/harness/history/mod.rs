//! The history checker: producers and workers ask a queue that is killed, frozen and cut off from them, note what they
//! asked and were answered, and in the end the notes must keep every promise ([`check`]).
//!
//! Nothing here knows the database. Control planes are real processes; workers are simulated, but speak through the
//! worker's own client.

mod chance;
mod chaos;
mod check;
mod events;
mod front;
mod observer;
mod producer;
mod recorder;
mod run;
mod site;
mod turn;
mod violation;
mod worker;

pub use chance::Chance;
pub use chaos::Disturbance;
pub use check::check;
pub use events::{Answer, Claim, End, Enqueue, History, Lease, Moment, State, Trouble, Use, What};
pub use producer::body;
pub use recorder::{Asked, Recorder};
pub use run::{Load, run};
pub use site::{Site, Tenant};
pub use violation::Violation;
