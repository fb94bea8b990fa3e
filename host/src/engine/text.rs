//! Texts of guests that other people read: operators, authors, models.

use super::log::cut;
use crate::domain::{Content, File, HistoryMessage, Part, Reply, ToolError, ToolOutput};

/// What a guest gives as the reason of a failure, bytes.
pub(super) const REASON_BYTES: usize = 2 << 10;

/// The beginning of `text`, at most `bytes` bytes, where a control character other than a line break
/// or a tab is U+FFFD: none can move a terminal's cursor, or grow to six bytes in JSON.
pub(super) fn plain(text: &str, bytes: usize) -> String {
    let text = cut(text, bytes);
    if !text.contains(is_odd) {
        return text.to_owned();
    }
    cut(&text.replace(is_odd, "\u{fffd}"), bytes).to_owned()
}

fn is_odd(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// The same text with U+FFFD for every NUL: PostgreSQL stores none.
pub(super) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

fn file(file: File) -> File {
    File {
        name: file.name.map(without_nul),
        media_type: without_nul(file.media_type),
        bytes: file.bytes,
    }
}

fn output(output: ToolOutput) -> ToolOutput {
    let content = output.content.into_iter().map(|content| match content {
        Content::Text(text) => Content::Text(without_nul(text)),
        Content::File(it) => Content::File(file(it)),
    });
    ToolOutput {
        content: content.collect(),
        structured: output.structured.map(without_nul),
    }
}

fn error(error: ToolError) -> ToolError {
    match error {
        ToolError::InvalidArguments(text) => ToolError::InvalidArguments(without_nul(text)),
        ToolError::NotConfigured(text) => ToolError::NotConfigured(without_nul(text)),
        ToolError::Refused(text) => ToolError::Refused(without_nul(text)),
        ToolError::RetryAfter { after, reason } => ToolError::RetryAfter {
            after,
            reason: without_nul(reason),
        },
        ToolError::Exhausted(text) => ToolError::Exhausted(without_nul(text)),
        ToolError::Failed(text) => ToolError::Failed(without_nul(text)),
    }
}

/// A reply whose texts can be stored.
pub(super) fn reply_without_nul(reply: Reply) -> Reply {
    Reply {
        text: without_nul(reply.text),
        files: reply.files.into_iter().map(file).collect(),
    }
}

/// A message whose texts can be stored.
pub(super) fn message_without_nul(message: HistoryMessage) -> HistoryMessage {
    let parts = message.parts.into_iter().map(|part| match part {
        Part::Text(text) => Part::Text(without_nul(text)),
        Part::Opaque(json) => Part::Opaque(without_nul(json)),
        Part::File(it) => Part::File(file(it)),
        Part::ToolRequest(mut request) => {
            request.id = without_nul(request.id);
            request.name = without_nul(request.name);
            request.arguments = without_nul(request.arguments);
            Part::ToolRequest(request)
        }
        Part::ToolResult(mut result) => {
            result.id = without_nul(result.id);
            result.outcome = result.outcome.map(output).map_err(error);
            Part::ToolResult(result)
        }
    });
    HistoryMessage {
        role: message.role,
        parts: parts.collect(),
        at: message.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, ToolRequest, ToolResult};

    #[test]
    fn no_text_of_a_message_or_a_reply_keeps_a_nul() {
        let nul = || "a\0".to_owned();
        let file = || File {
            name: Some(nul()),
            media_type: nul(),
            bytes: vec![0].into(),
        };
        let output = ToolOutput {
            content: vec![Content::Text(nul()), Content::File(file())],
            structured: Some(nul()),
        };
        let result = |outcome| Part::ToolResult(ToolResult { id: nul(), outcome });
        let request = ToolRequest {
            id: nul(),
            name: nul(),
            arguments: nul(),
        };
        let message = HistoryMessage {
            role: Role::User,
            parts: vec![
                Part::Text(nul()),
                Part::Opaque(nul()),
                Part::File(file()),
                Part::ToolRequest(request),
                result(Ok(output)),
                result(Err(ToolError::Failed(nul()))),
            ],
            at: None,
        };
        let stored = serde_json::to_string(&message_without_nul(message)).unwrap();
        assert!(!stored.contains("u0000"), "{stored}");
        assert!(stored.contains("a\u{fffd}"));
        let reply = reply_without_nul(Reply {
            text: nul(),
            files: vec![file()],
        });
        let stored = serde_json::to_string(&reply).unwrap();
        assert!(!stored.contains("u0000"), "{stored}");
        assert_eq!(
            reply.files[0].bytes[..],
            [0],
            "contents are bytes, not text"
        );
    }

    #[test]
    fn a_text_is_cut_between_characters_and_shows_no_control_character() {
        assert_eq!(plain("a\tb\nc", 5), "a\tb\nc");
        assert_eq!(plain("abcdef", 5), "abcde");
        assert_eq!(plain("a\u{1b}[2J\0\r", 100), "a\u{fffd}[2J\u{fffd}\u{fffd}");
        let odd = plain(&"\u{1}".repeat(10), 10);
        assert_eq!(odd, "\u{fffd}".repeat(3), "bounded after the replacement");
    }

    #[test]
    fn a_nul_is_replaced_and_nothing_else() {
        assert_eq!(without_nul("a\0b\u{1}".to_owned()), "a\u{fffd}b\u{1}");
        assert_eq!(without_nul("plain".to_owned()), "plain");
    }
}
