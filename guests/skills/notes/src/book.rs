//! The list itself, and its rules.

use agent_factory_sdk::ToolError;
use serde::{Deserialize, Serialize};

/// The most notes an agent keeps. Together with the longest note this keeps the stored value below
/// 64 KiB, the host's usual bound, in every script of at most two bytes a letter; beyond that the
/// host refuses the write.
pub(crate) const NOTES_MAX: usize = 100;

/// The longest note, in characters.
pub(crate) const NOTE_CHARACTERS_MAX: usize = 250;

/// All notes, as they are stored.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    /// The last number given, also to a note removed since: numbers never come back.
    last_number: u32,
    notes: Vec<Note>,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) number: u32,
    pub(crate) text: String,
    /// The idempotency key of the call that added it.
    added_by: String,
}

impl Book {
    /// Oldest first.
    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Adds a note; the same call again finds the note it added.
    pub(crate) fn add(&mut self, text: &str, call: &str) -> Result<Note, ToolError> {
        if let Some(note) = self.notes.iter().find(|note| note.added_by == call) {
            return Ok(note.clone());
        }
        let text = text.trim();
        let characters = text.chars().count();
        if characters == 0 {
            return Err(ToolError::invalid_arguments("the note is empty"));
        }
        if characters > NOTE_CHARACTERS_MAX {
            return Err(ToolError::invalid_arguments(format!(
                "the note has {characters} characters, and at most {NOTE_CHARACTERS_MAX} are kept: make it shorter"
            )));
        }
        if self.notes.len() >= NOTES_MAX {
            return Err(ToolError::Refused(format!(
                "there are {NOTES_MAX} notes already, which is the most: remove one first"
            )));
        }
        self.last_number = self
            .last_number
            .checked_add(1)
            .ok_or_else(|| ToolError::Refused("there are no numbers left for notes".to_owned()))?;
        let note = Note {
            number: self.last_number,
            text: text.to_owned(),
            added_by: call.to_owned(),
        };
        self.notes.push(note.clone());
        Ok(note)
    }

    /// Takes a note out.
    pub(crate) fn remove(&mut self, number: u32) -> Result<Note, ToolError> {
        let place = self.notes.iter().position(|note| note.number == number);
        place.map(|place| self.notes.remove(place)).ok_or_else(|| {
            ToolError::invalid_arguments(format!(
                "there is no note number {number}: list them first"
            ))
        })
    }
}
