use serde::{Deserialize, Serialize};

/// A part of the compiled prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// A document's path, or a word such as `Skills`.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The same from turn to turn, so that a vendor's prompt cache can hold it.
    pub stable: bool,
}

/// What a turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnMode {
    /// A person's private conversation.
    Main,
    /// A conversation of several people.
    Group,
}
