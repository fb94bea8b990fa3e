//! From a claimed message to everything its turn needs.
//!
//! Most of an agent changes rarely: its documents, skills and settings are compiled into a [`Snapshot`], stored by
//! the digest of its own JSON, and cached by workers. What changes from turn to
//! turn is the [`Bundle`]: the message, the recent history, today's date. A bundle names its snapshot by digest.
//!
//! A snapshot is stored, and has no secret's value in it. A bundle is not stored, and carries the values of the few
//! secrets that its agent's models and its skills' granted credentials name, read anew for each turn: a key that was replaced is used at once. The host adds
//! them where they are used, and no guest sees one.

mod bundle;
mod limits;
mod prompt;
mod snapshot;
mod sql;

pub use bundle::{Bundle, HydrateError, hydrate};
pub use limits::TurnLimits;
pub use snapshot::{Built, Snapshot, SnapshotSection, SnapshotSkill, prune_snapshots, stored};

use crate::domain::LimitSet;

/// How much of an agent goes into its prompt, and how much history into a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most of one document, characters (OpenClaw's `bootstrapMaxChars`).
    pub document_chars_max: usize,
    /// The most of all documents together, characters (OpenClaw's `bootstrapTotalMaxChars`).
    pub documents_chars_max_total: usize,
    /// How many days of notes are shown, today included (`memoryWindowDays`).
    pub memory_window_days: u32,
    /// The most of one note, characters.
    pub note_chars_max: usize,
    /// The most messages of history a bundle carries.
    pub history_messages: u32,
    /// The most bytes of history a bundle carries.
    pub history_bytes: u64,
    /// What components may take where nobody asks for more or less.
    pub default_limits: LimitSet,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            document_chars_max: 20_000,
            documents_chars_max_total: 60_000,
            memory_window_days: 2,
            note_chars_max: 1_200,
            history_messages: 200,
            history_bytes: 4 << 20,
            default_limits: LimitSet::default(),
        }
    }
}
