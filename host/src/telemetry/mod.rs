//! What an operator sees: figures, and one trace through all that happens to a message.
//!
//! There is no global recorder: a [`Metrics`] is made with the database or the worker it counts for and passed on, so that
//! any number of factories live in one process and each has its own figures. Labels are words of this program. No tenant,
//! conversation, path or error text is ever one: it would be unbounded, and it would be told to whoever may scrape.
//!
//! Spans carry `trace.id`: that of the request which brought the message ([`crate::domain::TraceId`]), stored with it.

mod http;
mod metrics;
mod names;
mod tally;

pub use http::{Observer, Operations, observe};
pub use metrics::{Metrics, Pool};
pub use names::{ALL, Kind, Name};
pub use tally::{Delivery, Outcome, Pruned, Tally};
