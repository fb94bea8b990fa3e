//! Replies on their way out: durable from the completion that made them until somebody has delivered them.
//!
//! A completion stores its replies in its own transaction ([`insert`]), so that what was settled is delivered even
//! if every worker died in between. The *lane*, one a conversation, is the unit of delivery: it is leased as a whole
//! and its rows leave in order. A row that is to be tried again holds its lane until it is due; one that is given up
//! lets the lane go on. A lane can be leased by any worker, the one that ran the turn or another.
//!
//! Delivery is at least once: a worker that dies between sending and [`delivered`] leaves a row that is sent again.
//! Every write of a deliverer is fenced by its [`LaneLease`], as a turn's are by its lease.

mod claim;
mod insert;
mod lane;
mod policy;
mod replies;
mod rows;
mod settle;
pub mod sql;
mod sweep;

pub use claim::{LaneClaim, MAX_LANES, MAX_ROWS, OutboxClaim, OutboxRow, claim};
pub use insert::{OutboxItem, insert};
pub use lane::{LaneLease, extend, release};
pub use policy::Policy;
pub use replies::{Reply, ReplyState, replies_of};
pub use settle::{Delivered, Failed, delivered, failed};
pub use sweep::sweep;
