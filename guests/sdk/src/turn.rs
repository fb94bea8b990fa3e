//! One turn of an agent, from a message to its reply.

use crate::host;
use crate::types::{File, Output, Retry, Tool, ToolError};
use std::fmt;

pub use crate::bindings::engine::agent_factory::guest::turns::{
    HistoryPage, Message, Mode, Part, Reply, Role, Section, ToolRequest, ToolResult,
};
pub use crate::bindings::engine::exports::agent_factory::guest::adapter::TurnError;

/// The turn at hand, as the host holds it. Handed to the function under
/// [`engine`](macro@crate::engine).
#[derive(Debug)]
pub struct Turn {
    held: host::Turn,
}

impl Turn {
    pub(crate) fn new(held: host::Turn) -> Self {
        Self { held }
    }

    /// The same for every attempt.
    #[must_use]
    pub fn id(&self) -> String {
        self.held.id()
    }

    /// 1 for the first try.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.held.attempt()
    }

    /// What the turn is for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.held.mode()
    }

    /// The compiled prompt, stable sections first.
    #[must_use]
    pub fn prompt(&self) -> Vec<Section> {
        self.held.prompt()
    }

    /// A page of at most `limit` messages before this turn, oldest first within it, the newest page
    /// first; a tool request and its result are never in different pages.
    #[must_use]
    pub fn history(&self, cursor: Option<&str>, limit: u32) -> HistoryPage {
        self.held.history(cursor, limit)
    }

    /// The message to answer. Part of the history once the turn completes; do not append it.
    #[must_use]
    pub fn input(&self) -> Message {
        self.held.input()
    }

    /// The tools this agent may use.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        self.held.tools()
    }

    /// How many more batches of tools may run.
    #[must_use]
    pub fn tool_rounds_left(&self) -> u32 {
        self.held.tool_rounds_left()
    }

    /// The most tokens a model may answer with.
    #[must_use]
    pub fn output_tokens_max(&self) -> u32 {
        self.held.output_tokens_max()
    }

    /// Wall clock left for this turn, in milliseconds.
    #[must_use]
    pub fn milliseconds_left(&self) -> u32 {
        self.held.milliseconds_left()
    }

    /// Adds to the history; stored when the turn completes.
    ///
    /// # Errors
    /// Over a limit of the host, which the text names: nothing is added, and the turn goes on.
    pub fn append(&self, message: Message) -> Result<(), Refused> {
        self.held.append(message).map_err(Refused)
    }

    /// What to send; a second call replaces the first, and a turn without a reply is silent.
    ///
    /// # Errors
    /// Over a limit of the host, which the text names: nothing is replaced, and the turn goes on.
    pub fn reply(&self, reply: Reply) -> Result<(), Refused> {
        self.held.reply(reply).map_err(Refused)
    }

    /// Replies in words, without files.
    ///
    /// # Errors
    /// As [`Turn::reply`].
    pub fn reply_text(&self, text: impl Into<String>) -> Result<(), Refused> {
        self.reply(Reply {
            text: text.into(),
            files: Vec::new(),
        })
    }

    /// Runs a batch of tools, in parallel where the host allows; outcomes in the order of the
    /// requests.
    #[must_use]
    pub fn call_tools(&self, requests: &[ToolRequest]) -> Vec<ToolResult> {
        self.held.call_tools(requests)
    }

    /// What the person sees meanwhile: the reply so far. Throttled; losing it harms
    /// nothing.
    pub fn progress(&self, partial: &str) {
        self.held.progress(partial);
    }
}

/// What the host did not take; says which limit it is over. With `?` in an engine it ends the turn
/// for good, since another try would be refused too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for TurnError {
    fn from(refused: Refused) -> Self {
        Self::Permanent(refused.0)
    }
}

impl Message {
    /// The person says something; appended, its time is now.
    pub fn user(parts: Vec<Part>) -> Self {
        Self {
            role: Role::User,
            parts,
            at_milliseconds: None,
        }
    }

    /// The agent says something; appended, its time is now.
    pub fn assistant(parts: Vec<Part>) -> Self {
        Self {
            role: Role::Assistant,
            parts,
            at_milliseconds: None,
        }
    }

    /// The words of the message, one part to a line, without files and tool calls.
    #[must_use]
    pub fn to_text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Part {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl From<File> for Part {
    fn from(file: File) -> Self {
        Self::File(file)
    }
}

impl From<ToolRequest> for Part {
    fn from(request: ToolRequest) -> Self {
        Self::ToolRequest(request)
    }
}

impl From<ToolResult> for Part {
    fn from(result: ToolResult) -> Self {
        Self::ToolResult(result)
    }
}

impl ToolResult {
    /// What became of the call with this id.
    pub fn new(id: impl Into<String>, outcome: Result<Output, ToolError>) -> Self {
        Self {
            id: id.into(),
            outcome,
        }
    }
}

impl TurnError {
    /// Worth another try after at least so many milliseconds; counts as an attempt.
    pub fn retry_after(milliseconds: u32, reason: impl Into<String>) -> Self {
        Self::RetryAfter(Retry {
            milliseconds,
            reason: reason.into(),
        })
    }
}
