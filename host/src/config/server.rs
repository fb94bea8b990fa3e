//! `[server]`: where the control plane listens and what one request may take.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("server.body_bytes_max", 1 << 10, 64 << 20, "bytes"),
    whole("server.concurrency_max", 1, 100_000, "requests"),
    whole("server.header_bytes_max", 1 << 10, 64 << 10, "bytes"),
    whole("server.rate_per_second", 1, 100_000, "requests"),
    whole("server.rate_burst", 1, 100_000, "requests"),
    whole("server.auth_failures_per_minute", 1, 100_000, "requests"),
    whole("server.waits_max", 1, 100_000, "requests"),
    whole("server.request_timeout_ms", 100, 600_000, "milliseconds"),
    whole("server.shutdown_grace_ms", 0, 3_600_000, "milliseconds"),
];

/// Where the control plane listens and what one request may take (`[server]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port. With port 0 the system chooses one.
    pub listen: SocketAddr,
    /// What every path of the API starts with.
    pub path_prefix: PathPrefix,
    /// The body of one request, bytes. Uploads of components have `limits.component_bytes` instead.
    pub body_bytes_max: u64,
    /// The names and values of one request's headers, bytes.
    pub header_bytes_max: u64,
    /// Requests a second under one token, in the long run; workers have no rate.
    pub rate_per_second: u32,
    /// Requests under one token that may come at once, before the rate counts.
    pub rate_burst: u32,
    /// Requests without a valid token a minute from one address that are told so; the rest are told to wait.
    pub auth_failures_per_minute: u32,
    /// Whether `/metrics` is for anybody who reaches this port, instead of for the operator's token alone.
    pub metrics_public: bool,
    /// Requests at once, of apps and of workers each; one more is refused as `overloaded`, to be repeated.
    pub concurrency_max: u32,
    /// Requests that wait for something to happen at once, of apps and of workers each. They are counted apart from
    /// those that do not wait.
    pub waits_max: u32,
    /// The longest a request takes, milliseconds; the time it asked to wait is added.
    pub request_timeout_ms: u64,
    /// How long a stopping process waits for running turns and requests before it gives the work
    /// back, milliseconds.
    pub shutdown_grace_ms: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            path_prefix: PathPrefix("/agent-factory".to_owned()),
            body_bytes_max: 1 << 20,
            header_bytes_max: 16 << 10,
            rate_per_second: 50,
            rate_burst: 200,
            auth_failures_per_minute: 60,
            metrics_public: false,
            concurrency_max: 256,
            waits_max: 1024,
            request_timeout_ms: 30_000,
            shutdown_grace_ms: 25_000,
        }
    }
}

/// The start of a path: segments of `A-Z a-z 0-9 - _ . ~`, each after a `/`, with no `/` at the end.
/// Empty for the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

/// A text that is no [`PathPrefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path prefix is empty, or starts with / and does not end with it, as /agent-factory does"
)]
pub struct PathPrefixError;

impl PathPrefix {
    /// As it is put before a route.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        let is_segment = |segment: &str| !segment.is_empty() && segment.chars().all(fits);
        let accepted = text.is_empty()
            || (text.len() <= 128
                && text
                    .strip_prefix('/')
                    .is_some_and(|rest| rest.split('/').all(is_segment)));
        if accepted {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathPrefixError)
        }
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = PathPrefixError;

    fn try_from(text: String) -> Result<Self, PathPrefixError> {
        text.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(prefix: PathPrefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
