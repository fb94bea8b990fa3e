use super::{File, Timestamp, ToolError, ToolOutput};
use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person; tool results too.
    User,
    /// The model.
    Assistant,
}

/// A tool call as the model asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The model's own id, unique within the turn.
    pub id: String,
    /// `skill__tool`.
    pub name: String,
    /// As the model wrote them: JSON or not.
    pub arguments: String,
}

/// What became of a tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The request's id.
    pub id: String,
    /// Shown to the model either way.
    pub outcome: Result<ToolOutput, ToolError>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text(String),
    /// Something attached.
    File(File),
    /// The model asks for a tool.
    ToolRequest(ToolRequest),
    /// The tool answers.
    ToolResult(ToolResult),
    /// A vendor's own block, JSON text.
    Opaque(String),
}

/// One entry of a conversation's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryMessage {
    /// Who speaks.
    pub role: Role,
    /// In order.
    pub parts: Vec<Part>,
    /// When, by the database's clock; none while the turn that wrote it has not completed.
    pub at: Option<Timestamp>,
}

/// What an engine sends to the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Markdown.
    pub text: String,
    /// Attachments.
    pub files: Vec<File>,
}
