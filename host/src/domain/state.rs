//! What a turn may read and write at once, beside its overlay: key-value and memory.

use super::{DocumentPath, SkillName};
use serde::{Deserialize, Serialize};

/// Whose keys: one skill's of one agent, or an engine's own (no skill).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KvOwner(pub Option<SkillName>);

impl KvOwner {
    /// As it is stored: the skill's name, or nothing for the engine.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", SkillName::as_str)
    }
}

/// Who shares a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvScope {
    /// All conversations of the agent; written at once.
    Agent,
    /// One conversation; written with the turn's completion.
    Conversation,
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// As it was written; base64 in JSON.
    #[serde(with = "super::json::base64_bytes")]
    pub value: Vec<u8>,
    /// Grows with every write of the key; never 0.
    pub version: u64,
}

/// One write of the conversation scope, as the turn left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvWrite {
    /// Whose.
    pub owner: KvOwner,
    /// Where.
    pub key: String,
    /// The last value and version; none: removed.
    pub entry: Option<KvEntry>,
}

/// Some of the keys, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPage {
    /// The keys.
    pub keys: Vec<String>,
    /// The last key of a page that is not the last page.
    pub cursor: Option<String>,
}

/// Why a key-value operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum KvError {
    /// The stored version is this one (0: absent).
    #[error("the stored version is {0}")]
    Conflict(u64),
    /// Over the limit named.
    #[error("{0}")]
    TooLarge(String),
}

/// One place of the agent's memory that matches a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryHit {
    /// The document.
    pub path: DocumentPath,
    /// Its first line, 1-based.
    pub line: u32,
    /// The lines.
    pub text: String,
    /// Higher fits better.
    pub score: f32,
}
