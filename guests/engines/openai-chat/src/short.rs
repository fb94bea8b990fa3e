//! What tools say, as words and within a bound: it is read again with every request of the turn, and kept in
//! the history.

use crate::conversation::output_text;
use agent_factory_sdk::turn::ToolResult;
use agent_factory_sdk::types::{Output, Retry, ToolError};

/// The most text of one result, bytes.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// A result as the model sees it and the history keeps it. Files are named; their contents are not kept.
pub(crate) fn result(result: ToolResult) -> ToolResult {
    ToolResult {
        id: result.id,
        outcome: result
            .outcome
            .map(|output| Output::text(text(output_text(&output))))
            .map_err(error),
    }
}

/// The text, or its beginning and a note that something is missing.
fn text(text: String) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    let missing = text.len() - end;
    match text.get(..end) {
        Some(kept) if missing > 0 => format!("{kept}\n[{missing} more bytes are not shown]"),
        _ => text,
    }
}

fn error(error: ToolError) -> ToolError {
    match error {
        ToolError::InvalidArguments(why) => ToolError::InvalidArguments(text(why)),
        ToolError::NotConfigured(why) => ToolError::NotConfigured(text(why)),
        ToolError::Refused(why) => ToolError::Refused(text(why)),
        ToolError::RetryAfter(retry) => ToolError::RetryAfter(Retry {
            reason: text(retry.reason),
            ..retry
        }),
        ToolError::Exhausted(why) => ToolError::Exhausted(text(why)),
        ToolError::Failed(why) => ToolError::Failed(text(why)),
    }
}
