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
//!   character 0, is in no text that gets here.) What runs with every message takes
//!   *columns* instead, one array each, which `unnest` puts together. A plan is made once a connection, maybe while a table is empty
//!   that is full a moment later, and PostgreSQL takes an empty table for one row: joined with a batch, it would walk the table and
//!   look each row up in the batch. So a row is looked up by a subquery of its own (`LATERAL ... LIMIT 1`), and one that is locked is
//!   found again by its address (`ctid`), with no other condition that an index could answer (`|| ''` hides one). Where a
//!   batch is joined all the same, its rows are asked whether they are arrays, which they are: it is taken for very few rows then.
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
