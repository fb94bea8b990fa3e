//! A host for tests: the capabilities in memory, and turns made by hand.
//!
//! ```
//! use agent_factory_sdk::key_value::{self, Scope};
//! use agent_factory_sdk::testing::{Capability, Host};
//!
//! let host = Host::new();
//! key_value::set(Scope::Agent, "colour", b"green")?;
//! assert_eq!(host.value(Scope::Agent, "colour"), Some(b"green".to_vec()));
//!
//! host.deny(Capability::KeyValue);
//! assert_eq!(key_value::get(Scope::Agent, "colour"), Err(key_value::Error::AccessDenied));
//! # Ok::<(), key_value::Error>(())
//! ```

pub(crate) mod fakes;
mod host;
pub(crate) mod http;
pub(crate) mod model;
mod resource;
mod state;
mod turn;

pub use host::{Capability, Host, LogLine};
pub use http::FakeResponse;
pub use model::FakeModel;
pub use turn::FakeTurn;

/// The document that [`memory::append`](crate::memory::append) writes to in tests.
pub const TODAY: &str = "memory/2026-01-01.md";
