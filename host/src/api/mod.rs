//! The HTTP API: what operators, tenants, apps and workers may ask of this control plane.
//!
//! A handler parses, asks one folder of the host in one transaction, and answers. What it may do is decided before
//! it runs, by the type of caller it takes ([`Operator`], [`TenantAdmin`], [`App`], [`PoolWorker`]); which status an
//! error has is decided in `error.rs` and nowhere else. The description at `/openapi.json` is made from the same routes.

mod agents;
mod batches;
mod caller;
mod cancels;
mod components;
mod conversations;
mod dead_letters;
mod document;
mod documents;
mod engines;
mod error;
mod headers;
mod health;
mod json;
mod lane;
mod listing;
mod messages;
mod path;
mod pauses;
mod progress;
mod query;
mod rate;
mod receipts;
mod router;
mod secrets;
mod server;
mod skills;
mod state;
mod stats;
mod tenants;
mod tokens;
mod uploads;
mod usage;
mod whoami;
pub mod worker;

pub use caller::{App, Operator, PoolWorker, TenantAdmin};
pub use error::{ApiError, ErrorBody, ErrorDetail};
pub use json::Json;
pub use lane::{Lane, Lanes, WAIT_MAX};
pub use path::Path;
pub use query::{PAGE_MAX, Paging, Query};
pub use router::router;
pub use server::serve;
pub use state::{Api, Parts};
