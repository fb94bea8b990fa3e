//! An engine adapter for models that speak OpenAI's chat completions: OpenAI's own and every
//! compatible server's.
//!
//! One turn is a loop: the conversation goes to the model, the tools it asks for run in one batch,
//! their results go back, until it answers in words or no batch is left. Answers are streamed, with the
//! text so far as progress.
//!
//! - `conversation` writes prompt, history and input as messages,
//! - `request` makes a body of them,
//! - `answer` puts the pieces of an answer together,
//! - `ask` tries the agent's models, one after the other,
//! - `short` bounds what tools say,
//! - `failure` decides what a failed request means for the turn.

mod answer;
mod ask;
mod conversation;
mod failure;
mod request;
mod short;

use agent_factory_sdk::log;
use agent_factory_sdk::turn::{Message, Mode, Turn, TurnError};
use answer::{Answer, Finish};
use ask::Models;
use conversation::Conversation;

/// What a model answers when it has nothing to say.
const SILENT: &str = "NO_REPLY";
/// What a model answers to a heartbeat when nothing is due.
const NOTHING_DUE: &str = "HEARTBEAT_OK";
/// What a compaction asks for.
const SUMMARIZE: &str = "Summarize our conversation so far in one message that can take its place: facts, \
    decisions, open questions and promises, with names, numbers and dates as they are.";

/// Runs one turn to its end.
///
/// # Errors
/// By what should happen next: see `failure`.
#[agent_factory_sdk::engine]
pub fn run(turn: &Turn) -> Result<(), TurnError> {
    let mut models = Models::of(turn)?;
    let mut conversation = Conversation::of(turn, models.history_bytes(turn));
    let mode = turn.mode();
    if mode == Mode::Compact {
        conversation.ask_for(SUMMARIZE);
        let answer = models.ask(turn, &conversation, false)?;
        turn.append(answer.to_message())?;
        return Ok(());
    }
    loop {
        let may_use_tools = turn.tool_rounds_left() > 0;
        let mut answer = models.ask(turn, &conversation, may_use_tools)?;
        if !may_use_tools {
            // Told not to, some models ask for tools all the same.
            answer.requests.clear();
        }
        if answer.requests.is_empty() {
            return finish(turn, mode, &answer);
        }
        conversation.add_answer(&answer);
        turn.append(answer.to_message())?;
        let results = turn.call_tools(&answer.requests).into_iter();
        let results: Vec<_> = results.map(short::result).collect();
        conversation.add_results(&results);
        let parts = results.into_iter().map(Into::into);
        turn.append(Message::user(parts.collect()))?;
    }
}

/// Keeps the answer, and sends it unless it is silence.
fn finish(turn: &Turn, mode: Mode, answer: &Answer) -> Result<(), TurnError> {
    let words = answer.text.trim();
    let text = match answer.finish {
        Finish::Length if words.is_empty() => {
            let reason = "the model spent all its tokens and said nothing; allow it more";
            return Err(TurnError::Permanent(reason.to_owned()));
        }
        Finish::Length => {
            format!("{words}\n\n[The answer is cut here: it reached its limit of tokens.]")
        }
        Finish::Filtered if words.is_empty() => {
            "The model's provider withheld the answer (content filter).".to_owned()
        }
        Finish::Filtered => {
            format!("{words}\n\n[The model's provider withheld the rest (content filter).]")
        }
        Finish::Stop => words.to_owned(),
    };
    if text.is_empty() {
        log::warn("the model answered nothing");
        return Ok(());
    }
    turn.append(answer.to_message())?;
    let silence = [SILENT, NOTHING_DUE];
    let silent = silence.iter().any(|word| text.eq_ignore_ascii_case(word));
    if !silent && mode != Mode::Flush {
        turn.reply_text(text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
