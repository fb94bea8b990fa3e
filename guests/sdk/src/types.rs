//! The shapes that skills, engines and the host share: the `types` interface of the contract.
//!
//! Written by hand instead of generated, so that they have constructors and readable errors; the
//! generated code is built against them, so that a difference from the contract does not compile.

use std::fmt;

pub use crate::blob::Blob;

/// The contract's name for JSON text.
#[doc(hidden)]
pub type Json = String;

/// The contract's name for [`Output`].
#[doc(hidden)]
pub type ToolOutput = Output;

/// Hints about a tool, with the meaning MCP gives its tool annotations. The host may ask for
/// approval, or refuse to repeat a call, by them; they never widen a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The tool changes nothing.
    pub read_only: bool,
    /// What the tool changes may be lost for good; means nothing for a read-only tool.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// The tool reaches things outside the agent's own state, such as a web site.
    pub open_world: bool,
}

/// One callable tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Within a skill: 1 to 32 of `a-z`, `0-9`, `_`. To an engine: `skill__tool`, with `-` of the
    /// skill's name written as `_`, at most 64 in all.
    pub name: String,
    /// For people: a short name to show beside an approval or a log line.
    pub title: Option<String>,
    /// For the model: what the tool does and when to use it.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments, as text; an object schema.
    pub input_schema: String,
    /// JSON Schema of `structured` in the output, where there is one.
    pub output_schema: Option<String>,
    /// How careful the host has to be with it.
    pub hints: Hints,
}

/// A picture, a sound or a document.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// A name to show and to save under, without any path.
    pub name: Option<String>,
    /// As in an HTTP `Content-Type`, for example `image/png`.
    pub media_type: String,
    /// The content itself, kept by the host.
    pub content: Blob,
}

impl File {
    /// A file without a name.
    pub fn new(media_type: impl Into<String>, content: impl Into<Blob>) -> Self {
        Self {
            name: None,
            media_type: media_type.into(),
            content: content.into(),
        }
    }

    /// Under this name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// One piece of a tool's output.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text for the model to read.
    Text(String),
    /// A file for the model, or for the person behind it.
    File(File),
}

/// What a tool answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// In the order it is to be read.
    pub content: Vec<Content>,
    /// The same answer as JSON text, valid under the tool's `output_schema`.
    pub structured: Option<String>,
}

impl Output {
    /// An answer in words.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: vec![Content::Text(text.into())],
            structured: None,
        }
    }

    /// Adds a file behind what is there.
    #[must_use]
    pub fn with_file(mut self, file: File) -> Self {
        self.content.push(Content::File(file));
        self
    }

    /// The text pieces, one to a line, without the files.
    #[must_use]
    pub fn to_text(&self) -> String {
        let texts = self.content.iter().filter_map(|piece| match piece {
            Content::Text(text) => Some(text.as_str()),
            Content::File(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// When to try again, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// At least this long from now, in milliseconds; the host may wait longer.
    pub milliseconds: u32,
    /// For the operator.
    pub reason: String,
}

/// Why a call gave no output, by what should happen next. The texts are shown to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolError {
    /// The arguments are wrong; the model may correct them.
    InvalidArguments(String),
    /// A grant, a secret or a setting is missing; a person must act.
    NotConfigured(String),
    /// The other side said no, and would again.
    Refused(String),
    /// Worth another try later.
    RetryAfter(Retry),
    /// A limit of this call is spent; the text names it and its value. Given by the host.
    Exhausted(String),
    /// Anything else.
    Failed(String),
}

impl ToolError {
    /// The arguments are wrong; say what would be right.
    pub fn invalid_arguments(what: impl Into<String>) -> Self {
        Self::InvalidArguments(what.into())
    }

    /// Something else went wrong; say what was attempted.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidArguments(why) => write!(out, "invalid arguments: {why}"),
            Self::NotConfigured(why) => write!(out, "not configured: {why}"),
            Self::Refused(why) => write!(out, "refused: {why}"),
            Self::RetryAfter(Retry {
                milliseconds,
                reason,
            }) => write!(out, "try again in {milliseconds} ms: {reason}"),
            Self::Exhausted(why) | Self::Failed(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for ToolError {}
