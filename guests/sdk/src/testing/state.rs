//! What the fakes remember, one set a thread: tests run side by side and must not meet.

use super::host::{Capability, Host, LogLine};
use super::http::FakeResponse;
use super::model::FakeModel;
use crate::http::Sent;
use crate::key_value::{Entry, Scope};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Something to happen between two steps of the code under test.
type Hook = Box<dyn FnOnce(&Host)>;

#[derive(Default)]
pub(super) struct State {
    pub(super) config: BTreeMap<String, String>,
    pub(super) credentials: BTreeSet<String>,
    pub(super) denied: BTreeSet<Capability>,
    pub(super) entries: BTreeMap<(Scope, String), Entry>,
    pub(super) last_version: u64,
    pub(super) before_sets: Vec<Hook>,
    pub(super) documents: BTreeMap<String, String>,
    pub(super) models: Vec<FakeModel>,
    pub(super) model_requests: Vec<serde_json::Value>,
    pub(super) responses: VecDeque<FakeResponse>,
    pub(super) requests: Vec<Sent>,
    pub(super) logs: Vec<LogLine>,
    pub(super) calls: u64,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Looks at or changes the state of this thread.
pub(super) fn with<R>(work: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(work)
}

impl State {
    /// Stores under a version never given before, also not to a value deleted since.
    pub(super) fn put(&mut self, scope: Scope, key: &str, value: &[u8]) -> u64 {
        self.last_version += 1;
        let entry = Entry {
            value: value.to_vec(),
            version: self.last_version,
        };
        self.entries.insert((scope, key.to_owned()), entry);
        self.last_version
    }
}
