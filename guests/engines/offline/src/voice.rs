//! The sentences, in the persona's voice.

use crate::command;
use crate::persona::Persona;
use agent_factory_sdk::types::{Content, Output, Tool, ToolError};

/// How much of the person's message is repeated, in characters.
const QUOTE_CHARACTERS_MAX: usize = 120;

/// What a tool said.
pub(crate) fn answered(persona: &Persona, output: &Output) -> String {
    let files = output
        .content
        .iter()
        .filter(|piece| matches!(piece, Content::File(_)))
        .count();
    let text = match (output.to_text(), &output.structured) {
        (text, _) if !text.is_empty() => text,
        (_, Some(json)) => json.clone(),
        _ if files > 0 => format!("{files} file(s)"),
        _ => "done".to_owned(),
    };
    let gap = if text.contains('\n') { "\n" } else { " " };
    format!(
        "Here you go{}:{gap}{text}{}",
        address(persona),
        sign(persona)
    )
}

/// Why a tool gave no answer.
pub(crate) fn refused(persona: &Persona, tool: &str, error: &ToolError) -> String {
    format!(
        "That did not work{}. {tool} says: {error}",
        address(persona)
    )
}

/// The turn has spent its tool rounds.
pub(crate) fn no_rounds(persona: &Persona) -> String {
    format!(
        "I may not use any more tools in this turn{}.",
        address(persona)
    )
}

/// An answer without a tool.
pub(crate) fn small_talk(persona: &Persona, input: &str, earlier: usize, tools: &[Tool]) -> String {
    let sentences = [
        format!("Hello{}!", address(persona)),
        introduction(persona),
        understood(input),
        said_before(earlier),
        offer(tools),
    ];
    format!("{}{}", sentences.join(" "), sign(persona))
}

/// What compaction leaves of the history.
pub(crate) fn summary(earlier: usize) -> String {
    format!("Summary: {}", said_before(earlier))
}

fn introduction(persona: &Persona) -> String {
    let name = persona.name.as_deref().unwrap_or("your agent");
    match &persona.vibe {
        Some(vibe) => format!("I am {name} ({vibe}), and I run without a model right now."),
        None => format!("I am {name}, and I run without a model right now."),
    }
}

fn understood(input: &str) -> String {
    let words = input.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return "I can only read words.".to_owned();
    }
    let quote: String = words.chars().take(QUOTE_CHARACTERS_MAX).collect();
    let more = if quote.len() < words.len() { "..." } else { "" };
    format!("You said: \"{quote}{more}\".")
}

fn said_before(earlier: usize) -> String {
    match earlier {
        0 => "This is your first message here.".to_owned(),
        1 => "You have written 1 message before.".to_owned(),
        count => format!("You have written {count} messages before."),
    }
}

fn offer(tools: &[Tool]) -> String {
    let skills: Vec<String> = command::by_skill(tools)
        .into_iter()
        .map(|(skill, names)| format!("{skill} ({})", names.join(", ")))
        .collect();
    if skills.is_empty() {
        return "I have no tools.".to_owned();
    }
    format!("Ask me for a tool by its name: {}.", skills.join(", "))
}

/// `, Sam`, where the name is known.
fn address(persona: &Persona) -> String {
    persona
        .person
        .as_ref()
        .map(|person| format!(", {person}"))
        .unwrap_or_default()
}

/// The agent's sign at the end.
fn sign(persona: &Persona) -> String {
    persona
        .emoji
        .as_ref()
        .map(|emoji| format!(" {emoji}"))
        .unwrap_or_default()
}
