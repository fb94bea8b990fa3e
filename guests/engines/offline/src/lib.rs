//! An engine adapter without a model: for a first start, for tests, and for an agent whose model
//! is not configured yet.
//!
//! It answers in the voice of the hydrated persona (`IDENTITY.md`, `USER.md`), and calls a tool
//! where the message asks for one. The same turn always gives the same reply.
//!
//! # How a message asks for a tool
//!
//! ```text
//! message   = skill [ tool ] [ rest ]
//!           | tool [ rest ]
//!           | skill "__" tool [ rest ]
//! rest      = a JSON object | words
//! ```
//!
//! - Names are compared without regard to case; `-` and `_` are the same, and a `:` or `,` behind a
//!   name is skipped.
//! - A skill's name goes before a tool's, so `notes` is the skill even if another skill has a tool
//!   of that name. If several skills have a tool of one name, the first in the agent's list is it.
//! - After a skill's name, the second word may name one of its tools; if it does not, the skill's
//!   first tool is meant, and the second word belongs to the rest.
//! - The rest is either a JSON object, which is passed on as it is, or goes to one property of the
//!   arguments: the first required one that is a string; where there is none, the first required
//!   one, read as JSON (`notes remove 2`).
//! - Without a rest, or without a required property, the arguments are `{}`.
//!
//! Examples: `calculator 6 * 7`, `calculate 2*(3+4)`, `notes add buy milk`, `notes list`,
//! `notes__add {"text": "buy milk"}`.

mod arguments;
mod command;
mod history;
mod persona;
mod short;
mod voice;

use agent_factory_sdk::turn::{Message, Mode, Part, ToolRequest, Turn, TurnError};
use command::Command;
use persona::Persona;

/// The id of the only tool call of a turn.
const CALL_ID: &str = "call-1";

/// Runs one turn to its end.
///
/// # Errors
/// [`TurnError::Permanent`] where the host gives no result for a tool call, or its limits are too
/// small for a short answer.
#[agent_factory_sdk::engine]
pub fn run(turn: &Turn) -> Result<(), TurnError> {
    match turn.mode() {
        // Nothing is ever due without a model to notice it, and nothing is lost by compaction.
        Mode::Heartbeat | Mode::Flush => Ok(()),
        Mode::Compact => {
            let summary = voice::summary(history::count(turn));
            turn.append(Message::assistant(vec![Part::text(summary)]))?;
            Ok(())
        }
        Mode::Main | Mode::Group | Mode::Task | Mode::Subagent => answer(turn),
    }
}

fn answer(turn: &Turn) -> Result<(), TurnError> {
    let persona = Persona::read(&turn.prompt());
    let input = turn.input().to_text();
    let tools = turn.tools();
    let text = match Command::find(&input, &tools) {
        Some(command) if turn.tool_rounds_left() > 0 => use_tool(turn, &persona, &command)?,
        Some(_) => voice::no_rounds(&persona),
        None => voice::small_talk(&persona, &input, history::count(turn), &tools),
    };
    let text = short::text(text, short::TEXT_BYTES_MAX);
    turn.append(Message::assistant(vec![Part::text(text.as_str())]))?;
    turn.reply_text(text)?;
    Ok(())
}

/// Calls the tool, keeps request and result in the history, and puts the outcome into words.
fn use_tool(turn: &Turn, persona: &Persona, command: &Command<'_>) -> Result<String, TurnError> {
    let request = ToolRequest {
        id: CALL_ID.to_owned(),
        name: command.tool.name.clone(),
        arguments: arguments::of(&command.tool.input_schema, command.rest),
    };
    turn.append(Message::assistant(vec![request.clone().into()]))?;
    let Some(result) = turn.call_tools(&[request]).into_iter().next() else {
        let reason = format!(
            "the host gave no result for a call of {}",
            command.tool.name
        );
        return Err(TurnError::Permanent(reason));
    };
    let result = short::result(result);
    turn.append(Message::user(vec![result.clone().into()]))?;
    Ok(match result.outcome {
        Ok(output) => voice::answered(persona, &output),
        Err(error) => voice::refused(persona, &command.tool.name, &error),
    })
}

#[cfg(test)]
mod tests;
