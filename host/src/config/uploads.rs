//! `[uploads]`: what a tenant may store of agents, and how many uploads this process takes at once.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("uploads.documents", 1, 100_000, "documents"),
    whole("uploads.document_bytes", 1, 16 << 20, "bytes"),
    whole("uploads.skills", 1, 1_000, "skills"),
    whole("uploads.files", 1, 100_000, "files"),
    whole("uploads.file_bytes", 1, 1 << 30, "bytes"),
    whole("uploads.folder_bytes", 1 << 10, 2 << 30, "bytes"),
    whole("uploads.engines", 1, 1_000, "engines"),
    whole("uploads.engine_versions", 1, 1_000, "versions"),
    whole("uploads.at_once", 1, 1_000, "uploads"),
    whole("uploads.at_once_per_tenant", 1, 1_000, "uploads"),
    whole("uploads.compiles_at_once", 1, 256, "components"),
    whole("uploads.read_ms", 100, 3_600_000, "milliseconds"),
    whole("uploads.wait_ms", 1, 3_600_000, "milliseconds"),
];

/// What a tenant may store of agents, and how many uploads this process takes at once (`[uploads]`). A component has
/// `limits.component_bytes` instead of `file_bytes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uploads {
    /// Documents of one agent; what the agent itself writes is not counted against it.
    pub documents: u32,
    /// One document, or one `SKILL.md`, bytes.
    pub document_bytes: u64,
    /// Skills of one agent.
    pub skills: u32,
    /// Files of one skill or engine folder.
    pub files: u32,
    /// One file of such a folder, bytes.
    pub file_bytes: u64,
    /// All of such a folder as it is uploaded, bytes. An upload is held in memory.
    pub folder_bytes: u64,
    /// Engines of one tenant.
    pub engines: u32,
    /// Versions of one engine that are kept; older ones go, unless an agent uses them.
    pub engine_versions: u32,
    /// Uploads that this process takes at once, those that wait for the compiler included; one more is told to come
    /// back.
    pub at_once: u32,
    /// Uploads of one tenant that this process takes at once.
    pub at_once_per_tenant: u32,
    /// Components that this process compiles at once.
    pub compiles_at_once: u32,
    /// The longest that an upload's bytes take to arrive, milliseconds.
    pub read_ms: u64,
    /// The longest that an upload waits for the compiler, milliseconds.
    pub wait_ms: u64,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            documents: 1_000,
            document_bytes: 1 << 20,
            skills: 64,
            files: 500,
            file_bytes: 8 << 20,
            folder_bytes: 48 << 20,
            engines: 32,
            engine_versions: 8,
            at_once: 8,
            at_once_per_tenant: 2,
            compiles_at_once: 2,
            read_ms: 120_000,
            wait_ms: 60_000,
        }
    }
}
