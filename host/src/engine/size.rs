//! How many bytes a message or a tool's output counts for: its texts, files and names.

use crate::domain::{Content, File, HistoryMessage, Part, ToolError, ToolOutput};

fn sum(lengths: impl IntoIterator<Item = usize>) -> u64 {
    lengths.into_iter().fold(0, |total: u64, length| {
        total.saturating_add(u64::try_from(length).unwrap_or(u64::MAX))
    })
}

fn of_file(file: &File) -> u64 {
    let name = file.name.as_ref().map_or(0, String::len);
    sum([name, file.media_type.len(), file.bytes.len()])
}

/// A tool's output: texts, files and JSON together.
pub(super) fn of_output(output: &ToolOutput) -> u64 {
    let content = output.content.iter().map(|content| match content {
        Content::Text(text) => sum([text.len()]),
        Content::File(file) => of_file(file),
    });
    let structured = output.structured.as_ref().map_or(0, String::len);
    content.fold(sum([structured]), u64::saturating_add)
}

/// The text of a tool's error.
pub(super) fn of_error(error: &ToolError) -> u64 {
    match error {
        ToolError::InvalidArguments(text)
        | ToolError::NotConfigured(text)
        | ToolError::Refused(text)
        | ToolError::RetryAfter { reason: text, .. }
        | ToolError::Exhausted(text)
        | ToolError::Failed(text) => sum([text.len()]),
    }
}

/// A message of the history. Every part counts for a little, so that empty ones are not free.
pub(super) fn of_message(message: &HistoryMessage) -> u64 {
    let parts = message.parts.iter().map(|part| {
        let bytes = match part {
            Part::Text(text) | Part::Opaque(text) => sum([text.len()]),
            Part::File(file) => of_file(file),
            Part::ToolRequest(request) => sum([
                request.id.len(),
                request.name.len(),
                request.arguments.len(),
            ]),
            Part::ToolResult(result) => {
                let outcome = match &result.outcome {
                    Ok(output) => of_output(output),
                    Err(error) => of_error(error),
                };
                outcome.saturating_add(sum([result.id.len()]))
            }
        };
        bytes.saturating_add(1)
    });
    parts.fold(0, u64::saturating_add)
}
