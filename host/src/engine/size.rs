//! How many bytes a message, a tool's output or a reply counts for: its texts, files and names, and
//! a little for each of its elements, so that empty ones are not free.

use crate::domain::{Content, File, HistoryMessage, Part, Reply, ToolError, ToolOutput};

/// What a message, a part of it, or a piece of a tool's output counts for beside its texts, bytes:
/// about what it takes to hold one.
pub(super) const ELEMENT: u64 = 64;

/// Files of one tool's output, or of one message: each is a handle of the engine that reads it.
pub(super) const FILES: usize = 64;

fn sum(lengths: impl IntoIterator<Item = usize>) -> u64 {
    lengths.into_iter().fold(0, |total: u64, length| {
        total.saturating_add(u64::try_from(length).unwrap_or(u64::MAX))
    })
}

/// What a file counts for in a page of the history beside its name and type, bytes: its contents stay
/// with the host, and its handle is one of those that a call may hold.
const FILE_IN_PAGE: u64 = 4 << 10;

/// What is counted of a file.
#[derive(Clone, Copy)]
enum Files {
    /// The contents, too.
    Whole,
    /// A handle.
    Handle,
}

fn of_file(file: &File, counted: Files) -> u64 {
    let name = file.name.as_ref().map_or(0, String::len);
    let words = sum([name, file.media_type.len()]);
    words.saturating_add(match counted {
        Files::Whole => sum([file.bytes.len()]),
        Files::Handle => FILE_IN_PAGE,
    })
}

/// A tool's output: texts, files and JSON together.
pub(super) fn of_output(output: &ToolOutput) -> u64 {
    output_with(output, Files::Whole)
}

fn output_with(output: &ToolOutput, files: Files) -> u64 {
    let content = output.content.iter().map(|content| match content {
        Content::Text(text) => sum([text.len()]),
        Content::File(file) => of_file(file, files),
    });
    let structured = output.structured.as_ref().map_or(0, String::len);
    let elements = content.map(|bytes| bytes.saturating_add(ELEMENT));
    elements.fold(sum([structured]), u64::saturating_add)
}

/// The words of a reply: its text, and names and media types of its files, not their contents.
pub(super) fn of_reply(reply: &Reply) -> u64 {
    let files = reply.files.iter().map(|file| {
        let name = file.name.as_ref().map_or(0, String::len);
        sum([name, file.media_type.len()])
    });
    files.fold(sum([reply.text.len()]), u64::saturating_add)
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

/// The contents of a reply's files.
pub(super) fn of_reply_files(reply: &Reply) -> u64 {
    sum(reply.files.iter().map(|file| file.bytes.len()))
}

/// How many files a tool's output has.
pub(super) fn files_of_output(output: &ToolOutput) -> usize {
    let files = output.content.iter();
    files
        .filter(|content| matches!(content, Content::File(_)))
        .count()
}

/// How many files a message has, those of tool results included.
pub(super) fn files_of_message(message: &HistoryMessage) -> usize {
    let files = message.parts.iter().map(|part| match part {
        Part::File(_) => 1,
        Part::ToolResult(result) => result.outcome.as_ref().map_or(0, files_of_output),
        Part::Text(_) | Part::ToolRequest(_) | Part::Opaque(_) => 0,
    });
    files.fold(0, usize::saturating_add)
}

/// A message of the history.
pub(super) fn of_message(message: &HistoryMessage) -> u64 {
    message_with(message, Files::Whole)
}

/// A message in a page of the history: files without their contents.
pub(super) fn in_page(message: &HistoryMessage) -> u64 {
    message_with(message, Files::Handle)
}

fn message_with(message: &HistoryMessage, files: Files) -> u64 {
    let parts = message.parts.iter().map(|part| {
        let bytes = match part {
            Part::Text(text) | Part::Opaque(text) => sum([text.len()]),
            Part::File(file) => of_file(file, files),
            Part::ToolRequest(request) => sum([
                request.id.len(),
                request.name.len(),
                request.arguments.len(),
            ]),
            Part::ToolResult(result) => {
                let outcome = match &result.outcome {
                    Ok(output) => output_with(output, files),
                    Err(error) => of_error(error),
                };
                outcome.saturating_add(sum([result.id.len()]))
            }
        };
        bytes.saturating_add(ELEMENT)
    });
    parts.fold(ELEMENT, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, ToolResult};

    #[test]
    fn empty_elements_are_not_free() {
        let empty = || Content::Text(String::new());
        let output = ToolOutput {
            content: vec![empty(), empty()],
            structured: Some("{}".to_owned()),
        };
        assert_eq!(of_output(&output), 2 * ELEMENT + 2);
        let result = ToolResult {
            id: "1".to_owned(),
            outcome: Ok(output),
        };
        let message = HistoryMessage {
            role: Role::User,
            parts: vec![Part::ToolResult(result), Part::Text(String::new())],
            at: None,
        };
        assert_eq!(of_message(&message), 5 * ELEMENT + 3);
        let nothing = HistoryMessage {
            role: Role::User,
            parts: Vec::new(),
            at: None,
        };
        assert_eq!(of_message(&nothing), ELEMENT);
    }

    #[test]
    fn a_reply_counts_with_the_names_and_types_of_its_files() {
        let reply = Reply {
            text: "four".to_owned(),
            files: vec![File {
                name: Some("a.txt".to_owned()),
                media_type: "text/plain".to_owned(),
                bytes: vec![0; 3].into(),
            }],
        };
        assert_eq!(of_reply(&reply), 4 + 5 + 10);
        assert_eq!(of_reply_files(&reply), 3);
    }

    #[test]
    fn a_file_counts_with_its_contents_but_in_a_page() {
        let file = File {
            name: None,
            media_type: "a/b".to_owned(),
            bytes: vec![0; 100_000].into(),
        };
        let output = ToolOutput {
            content: vec![Content::File(file.clone()), Content::File(file.clone())],
            structured: None,
        };
        let message = HistoryMessage {
            role: Role::User,
            parts: vec![
                Part::File(file),
                Part::ToolResult(ToolResult {
                    id: String::new(),
                    outcome: Ok(output),
                }),
            ],
            at: None,
        };
        assert_eq!(files_of_message(&message), 3);
        assert_eq!(of_message(&message), 5 * ELEMENT + 3 * 100_003);
        assert_eq!(in_page(&message), 5 * ELEMENT + 3 * (3 + FILE_IN_PAGE));
    }
}
