//! `[hydration]`: what goes into an agent's prompt.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole(
        "hydration.snapshot_cache_entries",
        0,
        1_000_000,
        "snapshots",
    ),
    whole("hydration.snapshot_cache_bytes", 0, 64 << 30, "bytes"),
    whole("hydration.memory_window_days", 0, 366, "days"),
    whole("hydration.max_context_tokens", 256, 10_000_000, "tokens"),
    whole("hydration.documents_max", 1, 10_000, "documents"),
    whole("hydration.document_chars_max", 100, 1_000_000, "characters"),
    whole(
        "hydration.documents_chars_max_total",
        100,
        10_000_000,
        "characters",
    ),
    whole("hydration.history_messages", 0, 10_000, "messages"),
    whole("hydration.history_bytes", 1 << 10, 64 << 20, "bytes"),
];

/// What goes into an agent's prompt, and how much of it (`[hydration]`). A document beyond its bound is cut, with a notice
/// in its place. `max_context_tokens`, `documents_max` and `snapshot_cache_bytes` are the reference's and are only checked:
/// this version bounds by characters, by the named documents, and by `snapshot_cache_entries`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hydration {
    /// Compiled snapshots kept in memory. With 0 each turn compiles its own.
    pub snapshot_cache_entries: u64,
    /// Compiled snapshots kept in memory, bytes.
    pub snapshot_cache_bytes: u64,
    /// Daily memory notes of so many days, today included. With 0 there are none, and only
    /// `MEMORY.md` is read.
    pub memory_window_days: u32,
    /// The prompt, history included, as an estimate of tokens.
    pub max_context_tokens: u32,
    /// Documents of one workspace that are read.
    pub documents_max: u32,
    /// One document in the prompt, characters (`bootstrapMaxChars` of OpenClaw).
    pub document_chars_max: u32,
    /// All documents in the prompt together, characters.
    pub documents_chars_max_total: u32,
    /// The latest messages of the conversation that a turn sees.
    pub history_messages: u32,
    /// The most of a conversation's history that a turn is given, bytes.
    pub history_bytes: u64,
}

impl Default for Hydration {
    fn default() -> Self {
        Self {
            snapshot_cache_entries: 1_000,
            snapshot_cache_bytes: 64 << 20,
            memory_window_days: 2,
            max_context_tokens: 16_000,
            documents_max: 200,
            document_chars_max: 20_000,
            documents_chars_max_total: 60_000,
            history_messages: 200,
            history_bytes: 4 << 20,
        }
    }
}
