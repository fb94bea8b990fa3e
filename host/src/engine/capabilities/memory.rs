//! `memory`: the agent's notes. Appends are kept with the turn; reads and searches see them at once.

use crate::domain::{DocumentPath, LimitName, MemoryHit};
use crate::engine::bindings::v0_1::memory::{Error, Hit, Host};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use crate::engine::text::without_nul;
use serde::Serialize;
use std::collections::BTreeSet;

/// The longest query, bytes: searching takes longer with each of its words.
const QUERY_BYTES: usize = 1_024;

/// Words of a query that the turn's own lines are searched for.
const QUERY_WORDS: usize = 32;

/// Why an operation did not happen; the guest is told.
#[derive(Serialize)]
enum Refusal {
    Denied,
    NotFound,
    Refused(String),
    Unavailable(String),
}

fn may_read(scope: &Scope) -> Result<(), Refusal> {
    if scope.grants.memory_read {
        return Ok(());
    }
    let line = scope.grants.line_to_allow_memory(false);
    scope.denied("reading the agent's memory", &line);
    Err(Refusal::Denied)
}

#[derive(Serialize)]
struct Append {
    text: String,
}

impl HostCall for Append {
    type Answer = Result<(), Refusal>;
    const NAME: &'static str = "memory.append";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        if !scope.grants.memory_append {
            let line = scope.grants.line_to_allow_memory(true);
            scope.denied("appending to the agent's memory", &line);
            return Ok(Err(Refusal::Denied));
        }
        let text = self.text.trim_end();
        if text.is_empty() || text.contains(['\n', '\r']) {
            return Ok(Err(Refusal::Refused(
                "what is appended is one line, and not an empty one".to_owned(),
            )));
        }
        let most = scope.limits().memory_append_bytes;
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut changes = scope.session.changes();
        let total = changes.memory_bytes.saturating_add(size);
        if total > most {
            drop(changes);
            scope.refuse(LimitName::MemoryAppendBytes);
            return Ok(Err(Refusal::Refused(format!(
                "one turn appends at most {most} bytes to the memory (memory_append_bytes)"
            ))));
        }
        changes.memory_bytes = total;
        changes.memory.push(without_nul(text.to_owned()));
        Ok(Ok(()))
    }
}

#[derive(Serialize)]
struct Search {
    query: String,
    limit: u32,
}

impl HostCall for Search {
    type Answer = Result<Vec<MemoryHit>, Refusal>;
    const NAME: &'static str = "memory.search";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        if let Err(refusal) = may_read(scope) {
            return Ok(Err(refusal));
        }
        if self.query.len() > QUERY_BYTES {
            let text = format!("a query has at most {QUERY_BYTES} bytes");
            return Ok(Err(Refusal::Refused(text)));
        }
        let limit = self.limit.min(scope.limits().memory_hits);
        let lookups = scope.session.lookups.as_ref();
        let mut hits = match lookups.memory_search(&self.query, limit).await {
            Ok(hits) => hits,
            Err(error) => return Ok(Err(Refusal::Unavailable(scope.lookup_failed(error)?))),
        };
        // A copy, so that a tool that appends does not wait for the search.
        let appended = scope.session.changes().memory.clone();
        let fresh = fresh_hits(&appended, &self.query);
        if !fresh.is_empty() {
            let note = scope.session.memory_note.clone();
            let stored = match lookups.memory_read(&note, 1, u32::MAX).await {
                Ok(stored) => stored.unwrap_or_default(),
                Err(error) => return Ok(Err(Refusal::Unavailable(scope.lookup_failed(error)?))),
            };
            let before = u32::try_from(stored.lines().count()).unwrap_or(u32::MAX);
            hits.splice(0..0, rank(fresh, &hits, &note, before));
        }
        hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Ok(hits))
    }
}

/// Which of the turn's own lines have words of the query: number (from 0), line, share of the words.
fn fresh_hits(lines: &[String], query: &str) -> Vec<(u32, String, f32)> {
    let mut words = BTreeSet::new();
    for word in query.split_whitespace() {
        if words.len() >= QUERY_WORDS {
            break;
        }
        words.insert(word.to_lowercase());
    }
    let mut hits: Vec<(u32, String, f32)> = (0..)
        .zip(lines)
        .filter_map(|(number, line)| {
            let lower = line.to_lowercase();
            let found = words
                .iter()
                .filter(|word| lower.contains(word.as_str()))
                .count();
            let share = u16::try_from(found).unwrap_or(u16::MAX);
            let all = u16::try_from(words.len()).unwrap_or(u16::MAX).max(1);
            (found > 0).then(|| (number, line.clone(), f32::from(share) / f32::from(all)))
        })
        .collect();
    hits.sort_by(|one, two| two.2.total_cmp(&one.2));
    hits
}

/// The turn's own lines come before stored ones: they are the freshest, and their scores are not
/// comparable, so they are put above the best of the others.
fn rank(
    fresh: Vec<(u32, String, f32)>,
    stored: &[MemoryHit],
    note: &DocumentPath,
    before: u32,
) -> Vec<MemoryHit> {
    let best = stored.first().map_or(0.0, |hit| hit.score);
    fresh
        .into_iter()
        .map(|(number, text, share)| MemoryHit {
            path: note.clone(),
            line: before.saturating_add(number).saturating_add(1),
            text,
            score: best + share,
        })
        .collect()
}

#[derive(Serialize)]
struct Read {
    path: String,
    start: u32,
    lines: u32,
}

impl HostCall for Read {
    type Answer = Result<String, Refusal>;
    const NAME: &'static str = "memory.read";

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        if let Err(refusal) = may_read(scope) {
            return Ok(Err(refusal));
        }
        let path = match self.path.parse::<DocumentPath>() {
            Ok(path) if path.is_memory() => path,
            _ => {
                return Ok(Err(Refusal::Refused(
                    "only MEMORY.md and the notes under memory/ are the agent's memory".to_owned(),
                )));
            }
        };
        let appended = scope.session.changes().memory.clone();
        let fresh = path == scope.session.memory_note && !appended.is_empty();
        let (start, lines) = if fresh {
            (1, u32::MAX)
        } else {
            (self.start.max(1), self.lines)
        };
        let lookups = scope.session.lookups.as_ref();
        let stored = match lookups.memory_read(&path, start, lines).await {
            Ok(stored) => stored,
            Err(error) => return Ok(Err(Refusal::Unavailable(scope.lookup_failed(error)?))),
        };
        if !fresh {
            return Ok(stored.ok_or(Refusal::NotFound));
        }
        let stored = stored.unwrap_or_default();
        let skip = usize::try_from(self.start.max(1))
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let take = usize::try_from(self.lines).unwrap_or(usize::MAX);
        let all = stored.lines().chain(appended.iter().map(String::as_str));
        Ok(Ok(all.skip(skip).take(take).collect::<Vec<_>>().join("\n")))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::AccessDenied,
            Refusal::NotFound => Self::NotFound,
            Refusal::Refused(text) => Self::Refused(text),
            Refusal::Unavailable(text) => Self::Other(text),
        }
    }
}

impl Host for CallState {
    async fn append(&mut self, text: String) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.scope.call(Append { text }).await?.map_err(Into::into))
    }

    async fn search(
        &mut self,
        query: String,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Hit>, Error>> {
        let hits = self.scope.call(Search { query, limit }).await?;
        let hit = |hit: MemoryHit| Hit {
            path: hit.path.to_string(),
            line: hit.line,
            text: hit.text,
            score: hit.score,
        };
        Ok(hits
            .map(|hits| hits.into_iter().map(hit).collect())
            .map_err(Into::into))
    }

    async fn read(
        &mut self,
        path: String,
        start: u32,
        lines: u32,
    ) -> wasmtime::Result<Result<String, Error>> {
        let call = Read { path, start, lines };
        Ok(self.scope.call(call).await?.map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(line: &str, query: &str) -> Option<f32> {
        let hits = fresh_hits(&[line.to_owned()], query);
        hits.first().map(|(_, _, share)| *share)
    }

    #[test]
    fn a_word_counts_once_however_often_it_is_asked_for() {
        assert_eq!(share("a blue door", "Blue blue BLUE window"), Some(0.5));
        assert_eq!(share("a blue door", "window"), None);
    }

    #[test]
    fn a_query_is_looked_at_up_to_its_bound_of_words() {
        let query = |before: usize| {
            let words: Vec<String> = (0..before).map(|number| format!("w{number}")).collect();
            format!("{} door", words.join(" "))
        };
        assert!(share("a blue door", &query(QUERY_WORDS - 1)).is_some());
        assert_eq!(share("a blue door", &query(QUERY_WORDS)), None);
    }
}
