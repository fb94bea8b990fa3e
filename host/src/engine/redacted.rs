//! What leaves a turn, without its secrets.
//!
//! What comes back from a model is redacted before the engine sees it, and what comes back from the network before a
//! skill does; so is what a tool answers. An engine may still put a key together
//! from pieces that no event held whole, or hear it from the person; so what leaves the turn is redacted again.

use super::turn::{Overlay, TurnFailure};
use crate::domain::{Content, File, HistoryMessage, Part, ToolError, ToolOutput};
use crate::egress::Redactor;

/// Texts of the history, the reply and the memory. Values of keys are bytes, and the agent's own; contents of files
/// likewise.
pub(super) fn overlay(redactor: &Redactor, mut overlay: Overlay) -> Overlay {
    if redactor.is_empty() {
        return overlay;
    }
    for message in &mut overlay.history {
        self::message(redactor, message);
    }
    if let Some(reply) = &mut overlay.reply {
        redactor.clean(&mut reply.text);
        reply
            .files
            .iter_mut()
            .for_each(|file| self::file(redactor, file));
    }
    for line in &mut overlay.memory {
        redactor.clean(line);
    }
    overlay
}

/// Why a turn failed.
pub(super) fn failure(redactor: &Redactor, mut failure: TurnFailure) -> TurnFailure {
    match &mut failure {
        TurnFailure::RetryAfter { reason: text, .. }
        | TurnFailure::Hold(text)
        | TurnFailure::Permanent(text)
        | TurnFailure::Trap(text) => redactor.clean(text),
        TurnFailure::ContextOverflow
        | TurnFailure::Exhausted(_)
        | TurnFailure::LeaseLost
        | TurnFailure::Cancelled => {}
    }
    failure
}

/// What a tool answered, before the engine sees it.
pub(super) fn outcome(
    redactor: &Redactor,
    mut outcome: Result<ToolOutput, ToolError>,
) -> Result<ToolOutput, ToolError> {
    match &mut outcome {
        Ok(output) => self::output(redactor, output),
        Err(error) => self::error(redactor, error),
    }
    outcome
}

fn message(redactor: &Redactor, message: &mut HistoryMessage) {
    for part in &mut message.parts {
        match part {
            Part::Text(text) | Part::Opaque(text) => redactor.clean(text),
            Part::File(file) => self::file(redactor, file),
            Part::ToolRequest(request) => {
                redactor.clean(&mut request.name);
                redactor.clean(&mut request.arguments);
            }
            Part::ToolResult(result) => match &mut result.outcome {
                Ok(output) => self::output(redactor, output),
                Err(error) => self::error(redactor, error),
            },
        }
    }
}

fn file(redactor: &Redactor, file: &mut File) {
    if let Some(name) = &mut file.name {
        redactor.clean(name);
    }
}

fn output(redactor: &Redactor, output: &mut ToolOutput) {
    for content in &mut output.content {
        match content {
            Content::Text(text) => redactor.clean(text),
            Content::File(file) => self::file(redactor, file),
        }
    }
    if let Some(json) = &mut output.structured {
        redactor.clean(json);
    }
}

fn error(redactor: &Redactor, error: &mut ToolError) {
    match error {
        ToolError::InvalidArguments(text)
        | ToolError::NotConfigured(text)
        | ToolError::Refused(text)
        | ToolError::RetryAfter { reason: text, .. }
        | ToolError::Exhausted(text)
        | ToolError::Failed(text) => redactor.clean(text),
    }
}
