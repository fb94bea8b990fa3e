//! Notes that an agent keeps: `add`, `list` and `remove`.
//!
//! All conversations of the agent share one numbered list, stored as one value of its key-value
//! state. It is changed by compare-and-set, so that two conversations that add a note at once both
//! keep theirs.

mod book;

use agent_factory_sdk::key_value::Scope;
use agent_factory_sdk::prelude::*;
use book::{Book, Note};

/// The key of the list.
const KEY: &str = "notes";

/// What to note down.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    /// The note, in the person's words. At most 250 characters.
    #[schemars(length(min = 1, max = 250))]
    text: String,
}

/// Which note to remove.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remove {
    /// The note's number, as `list` shows it.
    #[schemars(range(min = 1))]
    number: u32,
}

/// The notes there are.
#[derive(Serialize, JsonSchema)]
struct Listed {
    /// Oldest first.
    notes: Vec<Numbered>,
}

/// A note and its number.
#[derive(Serialize, JsonSchema)]
struct Numbered {
    /// Never given to another note.
    number: u32,
    /// What it says.
    text: String,
}

/// Write a note down and keep it for all later conversations. Use it when the person asks to note
/// or remember something short, such as an errand.
#[tool(title = "Add a note")]
fn add(args: Add, context: &Context) -> Result<(String, Json<Numbered>), ToolError> {
    let note = key_value::update(Scope::Agent, KEY, |book: &mut Book| {
        book.add(&args.text, context.idempotency_key())
    })?;
    let text = format!("Noted as number {}: {}", note.number, note.text);
    Ok((text, Json(note.into())))
}

/// Show all notes with their numbers.
#[tool(read_only, idempotent, title = "List the notes")]
fn list() -> Result<(String, Json<Listed>), ToolError> {
    let book: Book = key_value::load(Scope::Agent, KEY)?;
    let lines: Vec<String> = book
        .notes()
        .iter()
        .map(|note| format!("{}. {}", note.number, note.text))
        .collect();
    let text = if lines.is_empty() {
        "There are no notes.".to_owned()
    } else {
        lines.join("\n")
    };
    let notes = book.notes().iter().cloned().map(Numbered::from).collect();
    Ok((text, Json(Listed { notes })))
}

/// Remove a note for good, by its number.
#[tool(destructive, idempotent, title = "Remove a note")]
fn remove(args: Remove) -> Result<(String, Json<Numbered>), ToolError> {
    let note = key_value::update(Scope::Agent, KEY, |book: &mut Book| {
        book.remove(args.number)
    })?;
    let text = format!("Removed number {}: {}", note.number, note.text);
    Ok((text, Json(note.into())))
}

agent_factory_sdk::skill!(add, list, remove);

impl From<Note> for Numbered {
    fn from(note: Note) -> Self {
        Self {
            number: note.number,
            text: note.text,
        }
    }
}

#[cfg(test)]
mod tests;
