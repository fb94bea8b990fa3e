//! Version 0.1's types to domain types and back.

use super::v0_1::{adapter, turns, types};
use crate::domain::Reply;
use crate::domain::{
    Content, File, Hints, HistoryMessage, Part, Role, Section, Timestamp, Tool, ToolError,
    ToolName, ToolOutput, ToolRequest, ToolResult, TurnMode,
};
use crate::engine::text::{REASON_BYTES, plain};
use crate::engine::turn::TurnFailure;
use std::time::Duration;

/// A tool whose name is none; says why.
#[derive(Debug)]
pub(in crate::engine) struct InvalidTool(pub(in crate::engine) String);

/// A tool as a skill describes it.
pub(in crate::engine) fn tool_from_guest(tool: types::Tool) -> Result<Tool, InvalidTool> {
    Ok(Tool {
        name: tool.name.parse::<ToolName>().map_err(InvalidTool)?,
        title: tool.title,
        description: tool.description,
        input_schema: tool.input_schema,
        output_schema: tool.output_schema,
        hints: Hints {
            read_only: tool.hints.read_only,
            destructive: tool.hints.destructive,
            idempotent: tool.hints.idempotent,
            open_world: tool.hints.open_world,
        },
    })
}

impl types::Tool {
    /// A tool as an engine sees it, under its full name.
    pub(in crate::engine) fn for_engine(full_name: String, tool: &Tool) -> Self {
        Self {
            name: full_name,
            title: tool.title.clone(),
            description: tool.description.clone(),
            input_schema: tool.input_schema.clone(),
            output_schema: tool.output_schema.clone(),
            hints: types::Hints {
                read_only: tool.hints.read_only,
                destructive: tool.hints.destructive,
                idempotent: tool.hints.idempotent,
                open_world: tool.hints.open_world,
            },
        }
    }
}

impl From<types::File> for File {
    fn from(file: types::File) -> Self {
        Self {
            name: file.name,
            media_type: file.media_type,
            bytes: file.bytes,
        }
    }
}

impl From<File> for types::File {
    fn from(file: File) -> Self {
        Self {
            name: file.name,
            media_type: file.media_type,
            bytes: file.bytes,
        }
    }
}

impl From<types::ToolOutput> for ToolOutput {
    fn from(output: types::ToolOutput) -> Self {
        let content = |content| match content {
            types::Content::Text(text) => Content::Text(text),
            types::Content::File(file) => Content::File(file.into()),
        };
        Self {
            content: output.content.into_iter().map(content).collect(),
            structured: output.structured,
        }
    }
}

impl From<ToolOutput> for types::ToolOutput {
    fn from(output: ToolOutput) -> Self {
        let content = |content| match content {
            Content::Text(text) => types::Content::Text(text),
            Content::File(file) => types::Content::File(file.into()),
        };
        Self {
            content: output.content.into_iter().map(content).collect(),
            structured: output.structured,
        }
    }
}

impl From<types::ToolError> for ToolError {
    fn from(error: types::ToolError) -> Self {
        match error {
            types::ToolError::InvalidArguments(text) => Self::InvalidArguments(text),
            types::ToolError::NotConfigured(text) => Self::NotConfigured(text),
            types::ToolError::Refused(text) => Self::Refused(text),
            types::ToolError::RetryAfter(retry) => Self::RetryAfter {
                after: Duration::from_millis(u64::from(retry.milliseconds)),
                reason: plain(&retry.reason, REASON_BYTES),
            },
            types::ToolError::Exhausted(text) => Self::Exhausted(text),
            types::ToolError::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<ToolError> for types::ToolError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::InvalidArguments(text) => Self::InvalidArguments(text),
            ToolError::NotConfigured(text) => Self::NotConfigured(text),
            ToolError::Refused(text) => Self::Refused(text),
            ToolError::RetryAfter { after, reason } => Self::RetryAfter(types::Retry {
                milliseconds: u32::try_from(after.as_millis()).unwrap_or(u32::MAX),
                reason,
            }),
            ToolError::Exhausted(text) => Self::Exhausted(text),
            ToolError::Failed(text) => Self::Failed(text),
        }
    }
}

impl From<turns::ToolRequest> for ToolRequest {
    fn from(request: turns::ToolRequest) -> Self {
        Self {
            id: request.id,
            name: request.name,
            arguments: request.arguments,
        }
    }
}

impl From<ToolRequest> for turns::ToolRequest {
    fn from(request: ToolRequest) -> Self {
        Self {
            id: request.id,
            name: request.name,
            arguments: request.arguments,
        }
    }
}

impl From<turns::ToolResult> for ToolResult {
    fn from(result: turns::ToolResult) -> Self {
        Self {
            id: result.id,
            outcome: result.outcome.map(Into::into).map_err(Into::into),
        }
    }
}

impl From<ToolResult> for turns::ToolResult {
    fn from(result: ToolResult) -> Self {
        Self {
            id: result.id,
            outcome: result.outcome.map(Into::into).map_err(Into::into),
        }
    }
}

impl From<turns::Part> for Part {
    fn from(part: turns::Part) -> Self {
        match part {
            turns::Part::Text(text) => Self::Text(text),
            turns::Part::File(file) => Self::File(file.into()),
            turns::Part::ToolRequest(request) => Self::ToolRequest(request.into()),
            turns::Part::ToolResult(result) => Self::ToolResult(result.into()),
            turns::Part::Opaque(json) => Self::Opaque(json),
        }
    }
}

impl From<Part> for turns::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text),
            Part::File(file) => Self::File(file.into()),
            Part::ToolRequest(request) => Self::ToolRequest(request.into()),
            Part::ToolResult(result) => Self::ToolResult(result.into()),
            Part::Opaque(json) => Self::Opaque(json),
        }
    }
}

/// A message a guest wrote: when, is the host's to say.
impl From<turns::Message> for HistoryMessage {
    fn from(message: turns::Message) -> Self {
        Self {
            role: match message.role {
                turns::Role::User => Role::User,
                turns::Role::Assistant => Role::Assistant,
            },
            parts: message.parts.into_iter().map(Into::into).collect(),
            at: None,
        }
    }
}

impl From<HistoryMessage> for turns::Message {
    fn from(message: HistoryMessage) -> Self {
        let at = message.at.map_or(0, Timestamp::as_millis);
        Self {
            role: match message.role {
                Role::User => turns::Role::User,
                Role::Assistant => turns::Role::Assistant,
            },
            parts: message.parts.into_iter().map(Into::into).collect(),
            at_milliseconds: u64::try_from(at).unwrap_or(0),
        }
    }
}

impl From<Section> for turns::Section {
    fn from(section: Section) -> Self {
        Self {
            title: section.title,
            body: section.body,
            stable: section.stable,
        }
    }
}

impl From<TurnMode> for turns::Mode {
    fn from(mode: TurnMode) -> Self {
        match mode {
            TurnMode::Main => Self::Main,
            TurnMode::Group => Self::Group,
        }
    }
}

impl From<turns::Reply> for Reply {
    fn from(reply: turns::Reply) -> Self {
        Self {
            text: reply.text,
            files: reply.files.into_iter().map(Into::into).collect(),
        }
    }
}

/// The texts are for operators: bounded, and without control characters.
impl From<adapter::TurnError> for TurnFailure {
    fn from(error: adapter::TurnError) -> Self {
        match error {
            adapter::TurnError::RetryAfter(retry) => Self::RetryAfter {
                after: Duration::from_millis(u64::from(retry.milliseconds)),
                reason: plain(&retry.reason, REASON_BYTES),
            },
            adapter::TurnError::ContextOverflow => Self::ContextOverflow,
            adapter::TurnError::Hold(text) => Self::Hold(plain(&text, REASON_BYTES)),
            adapter::TurnError::Permanent(text) => Self::Permanent(plain(&text, REASON_BYTES)),
        }
    }
}
