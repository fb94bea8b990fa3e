//! One leader for the loops of which there must be one.
//!
//! Any number of control planes share a database, and some loops (maintenance; whatever starts machines) must run once.
//! They are led through one row of `leaderships`: whoever holds its lease runs them, and renews it every third of its
//! length by the database's clock. The fence grows with each holder.
//!
//! A lease alone does not do: a process that was paused goes on as if nothing had happened. So every write of a loop
//! begins, in its own transaction, with [`check`]: on PostgreSQL that holds the row, and a successor begins only after the
//! transaction has ended. Loops are given a [`Fenced`] and no database, so that none can forget it.
//!
//! An orderly stop gives the lead up, and the next candidate takes it at once; after a crash it is free when its lease
//! ends. A process that starts again is a new holder.

mod leadership;
mod lease;
mod singleton;
mod sql;

pub use leadership::{Leadership, Standing};
pub use lease::{Fenced, LeaderError, LeaderLease, acquire, check, held_for, release, renew};
pub use singleton::{Again, SingletonLoop, lead};
