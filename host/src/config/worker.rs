//! `[worker]`: how a worker on a machine of its own reaches its control planes, and what it keeps.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize, Serializer};
use std::path::PathBuf;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("worker.cache_bytes", 0, 1 << 40, "bytes"),
    whole("worker.claim_wait_ms", 0, 30_000, "milliseconds"),
    whole("worker.connect_timeout_ms", 10, 60_000, "milliseconds"),
    whole("worker.request_timeout_ms", 100, 600_000, "milliseconds"),
];

/// How a worker on a machine of its own reaches its control planes, and what it keeps (`[worker]`). Where they are comes
/// from `AGENT_FACTORY_URL`, its token from `AGENT_FACTORY_WORKER_TOKEN`; how much it runs at once is in `[limits]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Where downloaded components are kept from one start to the next.
    #[serde(serialize_with = "as_text")]
    pub cache_folder: PathBuf,
    /// The most of them, bytes; what was used longest ago goes first.
    pub cache_bytes: u64,
    /// How long one claim waits for work, milliseconds.
    pub claim_wait_ms: u64,
    /// The longest a connection may take to come about, milliseconds.
    pub connect_timeout_ms: u64,
    /// The longest a request may take, beside what it waits for, milliseconds.
    pub request_timeout_ms: u64,
    /// Where `http://`, which anybody in between can read, may lead.
    pub plain_http: PlainHttp,
}

/// Where a worker may go without encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainHttp {
    /// To this machine and private networks.
    #[default]
    Private,
    /// Anywhere: something else protects what is in between.
    Anywhere,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            cache_folder: PathBuf::from(".agent-factory/components"),
            cache_bytes: 2 << 30,
            claim_wait_ms: 20_000,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 30_000,
            plain_http: PlainHttp::Private,
        }
    }
}

/// A loaded path is always Unicode; one that was set in code may not be, and is shown as far as it is.
fn as_text<S: Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(to)
}
