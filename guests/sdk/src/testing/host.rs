//! The handle a test holds.

use super::http::FakeResponse;
use super::model::FakeModel;
use super::state::{self, State};
use crate::http::Sent;
use crate::key_value::Scope;
use crate::log::Level;
use crate::types::{Output, ToolError};
use crate::{Context, Skill};
use serde_json::Value;
use std::marker::PhantomData;

/// The host of this thread's tests. A new one starts empty, with everything granted.
#[derive(Debug)]
pub struct Host {
    /// The state belongs to the thread, so the handle stays there.
    thread: PhantomData<*const ()>,
}

/// Something a skill asks for in `config/capabilities.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// [`key_value`](crate::key_value).
    KeyValue,
    /// [`memory`](crate::memory).
    Memory,
    /// [`http`](crate::http).
    Http,
}

/// A line written by [`log`](crate::log).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

impl Host {
    /// A host without settings, state, memory and log lines. Whatever an earlier host of this
    /// thread held is gone.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it resets the thread, which a default should not"
    )]
    pub fn new() -> Self {
        state::with(|state| *state = State::default());
        Self {
            thread: PhantomData,
        }
    }

    /// Calls a tool of a skill as the host would: arguments as JSON text, and an idempotency key
    /// of its own.
    ///
    /// # Errors
    /// Whatever the tool answers.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads best with `json!` in place"
    )]
    pub fn call(&self, skill: Skill, tool: &str, arguments: Value) -> Result<Output, ToolError> {
        let call = state::with(|state| {
            state.calls += 1;
            state.calls
        });
        let context = Context::new(format!("call-{call}"));
        skill.call(&context, tool, &arguments.to_string())
    }

    /// Configures a setting.
    pub fn set_config(&self, key: &str, value: &str) {
        state::with(|state| state.config.insert(key.to_owned(), value.to_owned()));
    }

    /// Configures a credential.
    pub fn add_credential(&self, name: &str) {
        state::with(|state| state.credentials.insert(name.to_owned()));
    }

    /// Gives the agent one more model, behind those it has.
    pub fn add_model(&self, model: FakeModel) {
        state::with(|state| state.models.push(model));
    }

    /// The bodies of the requests to all models, in order.
    #[must_use]
    pub fn model_requests(&self) -> Vec<Value> {
        state::with(|state| state.model_requests.clone())
    }

    /// Answers the next request that has no answer yet; called again, the one after it.
    pub fn add_response(&self, response: FakeResponse) {
        state::with(|state| state.responses.push_back(response));
    }

    /// The requests that were sent, in order. No credential is in them: the host adds it.
    #[must_use]
    pub fn requests(&self) -> Vec<Sent> {
        state::with(|state| state.requests.clone())
    }

    /// Takes the grant away: every function of the capability is denied from now on.
    pub fn deny(&self, capability: Capability) {
        state::with(|state| state.denied.insert(capability));
    }

    /// Stores a value as somebody else would, and returns its version.
    pub fn put(&self, scope: Scope, key: &str, value: &[u8]) -> u64 {
        state::with(|state| state.put(scope, key, value))
    }

    /// The stored value.
    #[must_use]
    pub fn value(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        let key = (scope, key.to_owned());
        state::with(|state| state.entries.get(&key).map(|entry| entry.value.clone()))
    }

    /// Does something just before the next write of the code under test, such as the write of
    /// another conversation. Several wait for one write each, in this order.
    pub fn before_next_set(&self, hook: impl FnOnce(&Self) + 'static) {
        state::with(|state| state.before_sets.push(Box::new(hook)));
    }

    /// Stores a memory document.
    pub fn set_document(&self, path: &str, text: &str) {
        state::with(|state| state.documents.insert(path.to_owned(), text.to_owned()));
    }

    /// A memory document.
    #[must_use]
    pub fn document(&self, path: &str) -> Option<String> {
        state::with(|state| state.documents.get(path).cloned())
    }

    /// The lines logged so far.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        state::with(|state| state.logs.clone())
    }

    /// The handle for a hook, without a reset.
    pub(super) fn current() -> Self {
        Self {
            thread: PhantomData,
        }
    }
}
