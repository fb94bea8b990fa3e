//! The statements of the queue. Public so that tests can look at how the database runs them.
//!
//! Batches come as one JSON array of arrays. Where a row is to change, an operation reads it first, in the same
//! transaction, and writes in a second statement that computes the head afresh: a head that is computed inside the
//! statement that takes the lock can miss a message enqueued meanwhile.
//!
//! Most statements are the same for both databases. Two kinds differ by necessity, and stand side by side:
//!
//! - *Batches*: `jsonb_each`, which parses a batch once, is `jsonb_array_elements` on PostgreSQL, whose `->>` answers texts that are
//!   cast. (Not `json`, which is parsed again for each value that is taken from it. What `jsonb` refuses, the escaped
//!   character 0, is in no text that gets here.) Where a batch is joined, its rows are asked whether they are arrays, which they are: PostgreSQL then takes them for very few, and so looks each up by an index,
//!   even while it takes a table for empty that is full a moment later. What runs with every message takes *columns* instead, one
//!   array each, which `unnest` puts together.
//! - *Locks*: SQLite has one writer, PostgreSQL many. There, whoever may change what a conversation waits for locks its row
//!   (`FOR NO KEY UPDATE`, which lets foreign keys pass), then its head or its lease; a claim locks heads alone, and claims and sweeps
//!   pass over rows that others have locked (`SKIP LOCKED`), so that neither ever waits. What else a conversation has is read by the
//!   next statement, or is locked with it. The order of locks, which keeps two transactions from waiting for each other:
//!   conversation, then its head or lease, then its agent, then the worker's row. A resume comes from the other side, agent first, and
//!   therefore never waits for a conversation.

mod arriving;
mod claiming;
mod heads;
mod holding;
mod leasing;
mod reading;
mod repairing;
mod settling;
mod time;

pub use arriving::*;
pub use claiming::*;
pub use heads::*;
pub use holding::*;
pub use leasing::*;
pub use reading::*;
pub use repairing::*;
pub use settling::*;
pub use time::*;
