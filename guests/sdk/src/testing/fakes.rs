//! The capabilities in memory, with the names and signatures of the generated bindings.

use super::state::{self, State};
use super::{Capability, Host, LogLine, TODAY};
use std::rc::Rc;

/// Bytes behind a handle, with the methods of the generated resource.
#[derive(Debug)]
pub(crate) struct Blob(Rc<[u8]>);

impl Blob {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn read(&self, offset: u64, length: u32) -> Vec<u8> {
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let take = usize::try_from(length).unwrap_or(usize::MAX);
        self.0.iter().skip(skip).take(take).copied().collect()
    }

    pub(crate) fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    /// Outside of WebAssembly no handle ever comes or goes.
    #[expect(unsafe_code, reason = "as the generated resource has it")]
    pub(crate) unsafe fn from_handle(_: u32) -> Self {
        Self::new(&[])
    }

    pub(crate) fn take_handle(&self) -> u32 {
        self.handle()
    }

    pub(crate) fn handle(&self) -> u32 {
        u32::MAX
    }
}

/// A call made by a test, with the methods of the generated resource.
#[derive(Debug)]
pub(crate) struct ToolCall {
    pub(crate) idempotency_key: String,
}

impl ToolCall {
    pub(crate) fn idempotency_key(&self) -> String {
        self.idempotency_key.clone()
    }

    pub(crate) fn milliseconds_left(&self) -> u32 {
        60_000
    }
}

pub(crate) mod logging {
    use super::{LogLine, state};
    use crate::log::Level;

    pub(crate) fn log(level: Level, message: &str) {
        let message = message.to_owned();
        state::with(|state| state.logs.push(LogLine { level, message }));
    }
}

pub(crate) mod config {
    use super::state;

    pub(crate) fn get(key: &str) -> Option<String> {
        state::with(|state| state.config.get(key).cloned())
    }

    pub(crate) fn has_credential(name: &str) -> bool {
        state::with(|state| state.credentials.contains(name))
    }
}

pub(crate) mod key_value {
    use super::{Capability, Host, State, state};
    use crate::key_value::{Entry, Error, Page, Scope};

    /// Small, so that a test sees more than one page.
    const PAGE_KEYS: usize = 100;

    pub(crate) fn get(scope: Scope, key: &str) -> Result<Option<Entry>, Error> {
        granted(|state| Ok(state.entries.get(&(scope, key.to_owned())).cloned()))
    }

    pub(crate) fn set(
        scope: Scope,
        key: &str,
        value: &[u8],
        if_version: Option<u64>,
    ) -> Result<u64, Error> {
        let hook = state::with(|state| {
            (!state.before_sets.is_empty()).then(|| state.before_sets.remove(0))
        });
        if let Some(hook) = hook {
            hook(&Host::current());
        }
        granted(|state| {
            let stored = state.entries.get(&(scope, key.to_owned()));
            let version = stored.map_or(0, |entry| entry.version);
            if if_version.is_some_and(|expected| expected != version) {
                return Err(Error::Conflict(version));
            }
            Ok(state.put(scope, key, value))
        })
    }

    pub(crate) fn delete(scope: Scope, key: &str) -> Result<(), Error> {
        granted(|state| {
            state.entries.remove(&(scope, key.to_owned()));
            Ok(())
        })
    }

    pub(crate) fn list_keys(
        scope: Scope,
        prefix: &str,
        cursor: Option<&str>,
    ) -> Result<Page, Error> {
        granted(|state| {
            let mut keys: Vec<String> = state
                .entries
                .keys()
                .filter(|(of, key)| *of == scope && key.starts_with(prefix))
                .map(|(_, key)| key.clone())
                .filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor))
                .take(PAGE_KEYS + 1)
                .collect();
            let more = keys.len() > PAGE_KEYS;
            keys.truncate(PAGE_KEYS);
            let cursor = keys.last().filter(|_| more).cloned();
            Ok(Page { keys, cursor })
        })
    }

    fn granted<R>(work: impl FnOnce(&mut State) -> Result<R, Error>) -> Result<R, Error> {
        state::with(|state| match state.denied.contains(&Capability::KeyValue) {
            true => Err(Error::AccessDenied),
            false => work(state),
        })
    }
}

pub(crate) mod memory {
    use super::{Capability, State, TODAY, state};
    use crate::memory::{Error, Hit};

    pub(crate) fn append(text: &str) -> Result<(), Error> {
        granted(|state| {
            let note = state.documents.entry(TODAY.to_owned()).or_default();
            note.push_str(text);
            note.push('\n');
            Ok(())
        })
    }

    /// Lines by how many of the words they have; the real host ranks better.
    pub(crate) fn search(query: &str, limit: u32) -> Result<Vec<Hit>, Error> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        granted(|state| {
            let mut hits = Vec::new();
            for (path, text) in &state.documents {
                for (line, text) in (1..).zip(text.lines()) {
                    let lower = text.to_lowercase();
                    let found: u16 = words
                        .iter()
                        .map(|word| u16::from(lower.contains(word)))
                        .sum();
                    if found > 0 {
                        let (path, text) = (path.clone(), text.to_owned());
                        hits.push(Hit {
                            path,
                            line,
                            text,
                            score: f32::from(found),
                        });
                    }
                }
            }
            hits.sort_by(|a, b| b.score.total_cmp(&a.score));
            hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(hits)
        })
    }

    pub(crate) fn read(path: &str, start: u32, lines: u32) -> Result<String, Error> {
        let skip = usize::try_from(start.saturating_sub(1)).unwrap_or(usize::MAX);
        let take = usize::try_from(lines).unwrap_or(usize::MAX);
        granted(|state| {
            let text = state.documents.get(path).ok_or(Error::NotFound)?;
            let lines: Vec<&str> = text.lines().skip(skip).take(take).collect();
            Ok(lines.join("\n"))
        })
    }

    fn granted<R>(work: impl FnOnce(&mut State) -> Result<R, Error>) -> Result<R, Error> {
        state::with(|state| match state.denied.contains(&Capability::Memory) {
            true => Err(Error::AccessDenied),
            false => work(state),
        })
    }
}
