//! Version 0.1's types to domain types and back.

use super::v0_1::{adapter, turns, types};
use crate::domain::{
    Content, File, Hints, HistoryMessage, Part, Reply, Role, Section, Timestamp, Tool, ToolError,
    ToolName, ToolOutput, ToolRequest, ToolResult, TurnMode,
};
use crate::engine::capabilities::Blob;
use crate::engine::text::{REASON_BYTES, plain};
use crate::engine::turn::TurnFailure;
use std::time::Duration;
use wasmtime::component::{ResourceTable, ResourceTableError};

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

/// A handle that the guest gave is one of its table, or the host has a bug.
type Converted<T> = Result<T, ResourceTableError>;

fn file_from_guest(table: &mut ResourceTable, file: types::File) -> Converted<File> {
    Ok(File {
        name: file.name,
        media_type: file.media_type,
        bytes: table.delete(file.content)?.into_bytes(),
    })
}

/// Takes a place in the table: an error where it is full.
fn file_to_guest(table: &mut ResourceTable, file: File) -> Converted<types::File> {
    Ok(types::File {
        name: file.name,
        media_type: file.media_type,
        content: table.push(Blob::shared(file.bytes))?,
    })
}

/// What a tool answered. Takes the handles of its files out of the table.
pub(in crate::engine) fn tool_output_from_guest(
    table: &mut ResourceTable,
    output: types::ToolOutput,
) -> Converted<ToolOutput> {
    let content = output.content.into_iter().map(|content| {
        Ok(match content {
            types::Content::Text(text) => Content::Text(text),
            types::Content::File(file) => Content::File(file_from_guest(table, file)?),
        })
    });
    Ok(ToolOutput {
        content: content.collect::<Converted<_>>()?,
        structured: output.structured,
    })
}

fn tool_output_to_guest(
    table: &mut ResourceTable,
    output: ToolOutput,
) -> Converted<types::ToolOutput> {
    let content = output.content.into_iter().map(|content| {
        Ok(match content {
            Content::Text(text) => types::Content::Text(text),
            Content::File(file) => types::Content::File(file_to_guest(table, file)?),
        })
    });
    Ok(types::ToolOutput {
        content: content.collect::<Converted<_>>()?,
        structured: output.structured,
    })
}

/// Why a tool gave no output.
pub(in crate::engine) fn tool_error_from_guest(error: types::ToolError) -> ToolError {
    match error {
        types::ToolError::InvalidArguments(text) => ToolError::InvalidArguments(text),
        types::ToolError::NotConfigured(text) => ToolError::NotConfigured(text),
        types::ToolError::Refused(text) => ToolError::Refused(text),
        types::ToolError::RetryAfter(retry) => ToolError::RetryAfter {
            after: Duration::from_millis(u64::from(retry.milliseconds)),
            reason: plain(&retry.reason, REASON_BYTES),
        },
        types::ToolError::Exhausted(text) => ToolError::Exhausted(text),
        types::ToolError::Failed(text) => ToolError::Failed(text),
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

fn tool_result_from_guest(
    table: &mut ResourceTable,
    result: turns::ToolResult,
) -> Converted<ToolResult> {
    Ok(ToolResult {
        id: result.id,
        outcome: match result.outcome {
            Ok(output) => Ok(tool_output_from_guest(table, output)?),
            Err(error) => Err(tool_error_from_guest(error)),
        },
    })
}

/// What became of a tool call. Its files take places in the table.
pub(in crate::engine) fn tool_result_to_guest(
    table: &mut ResourceTable,
    result: ToolResult,
) -> Converted<turns::ToolResult> {
    Ok(turns::ToolResult {
        id: result.id,
        outcome: match result.outcome {
            Ok(output) => Ok(tool_output_to_guest(table, output)?),
            Err(error) => Err(error.into()),
        },
    })
}

fn part_from_guest(table: &mut ResourceTable, part: turns::Part) -> Converted<Part> {
    Ok(match part {
        turns::Part::Text(text) => Part::Text(text),
        turns::Part::File(file) => Part::File(file_from_guest(table, file)?),
        turns::Part::ToolRequest(request) => Part::ToolRequest(request.into()),
        turns::Part::ToolResult(result) => Part::ToolResult(tool_result_from_guest(table, result)?),
        turns::Part::Opaque(json) => Part::Opaque(json),
    })
}

fn part_to_guest(table: &mut ResourceTable, part: Part) -> Converted<turns::Part> {
    Ok(match part {
        Part::Text(text) => turns::Part::Text(text),
        Part::File(file) => turns::Part::File(file_to_guest(table, file)?),
        Part::ToolRequest(request) => turns::Part::ToolRequest(request.into()),
        Part::ToolResult(result) => turns::Part::ToolResult(tool_result_to_guest(table, result)?),
        Part::Opaque(json) => turns::Part::Opaque(json),
    })
}

/// A message a guest wrote: when, is the host's to say. Takes the handles of its files out of the
/// table.
pub(in crate::engine) fn message_from_guest(
    table: &mut ResourceTable,
    message: turns::Message,
) -> Converted<HistoryMessage> {
    let parts = message.parts.into_iter();
    Ok(HistoryMessage {
        role: match message.role {
            turns::Role::User => Role::User,
            turns::Role::Assistant => Role::Assistant,
        },
        parts: parts
            .map(|part| part_from_guest(table, part))
            .collect::<Converted<_>>()?,
        at: None,
    })
}

/// A message as an engine reads it. Its files take places in the table.
pub(in crate::engine) fn message_to_guest(
    table: &mut ResourceTable,
    message: HistoryMessage,
) -> Converted<turns::Message> {
    let at = message.at.map(Timestamp::as_millis);
    let parts = message.parts.into_iter();
    Ok(turns::Message {
        role: match message.role {
            Role::User => turns::Role::User,
            Role::Assistant => turns::Role::Assistant,
        },
        parts: parts
            .map(|part| part_to_guest(table, part))
            .collect::<Converted<_>>()?,
        at_milliseconds: at.and_then(|at| u64::try_from(at).ok()),
    })
}

/// What to send. Takes the handles of its files out of the table.
pub(in crate::engine) fn reply_from_guest(
    table: &mut ResourceTable,
    reply: turns::Reply,
) -> Converted<Reply> {
    let files = reply.files.into_iter();
    Ok(Reply {
        text: reply.text,
        files: files
            .map(|file| file_from_guest(table, file))
            .collect::<Converted<_>>()?,
    })
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
