//! The agent's memory: dated notes and `MEMORY.md`. Writes are kept with the turn and stored when
//! it completes; reads see them at once. Asked for in `config/capabilities.toml`:
//!
//! ```toml
//! [capabilities]
//! memory = ["read", "append"]
//! ```

use crate::host;
use crate::types::ToolError;

pub use crate::bindings::skill::agent_factory::guest::memory::{Error, Hit};

/// Appends a line to today's note, in the agent's time zone.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant, [`Error::Refused`] over a limit.
pub fn append(text: &str) -> Result<(), Error> {
    host::memory::append(text)
}

/// The best hits for some words, best first, at most `limit`.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant.
pub fn search(query: &str, limit: u32) -> Result<Vec<Hit>, Error> {
    host::memory::search(query, limit)
}

/// Up to `lines` lines of one memory document, from line `start` (1-based).
///
/// # Errors
/// [`Error::NotFound`] where there is no such document, [`Error::AccessDenied`] without the grant,
/// [`Error::Refused`] for a path that is no memory document.
pub fn read(path: &str, start: u32, lines: u32) -> Result<String, Error> {
    host::memory::read(path, start, lines)
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => Self::NotConfigured(
                "this skill may not use the agent's memory: `memory` must be asked for in \
                 config/capabilities.toml and granted"
                    .to_owned(),
            ),
            Error::NotFound => Self::Refused("there is no such memory document".to_owned()),
            Error::Refused(why) => Self::Refused(why),
            Error::Other(why) => {
                Self::Failed(format!("the agent's memory could not be used: {why}"))
            }
        }
    }
}
