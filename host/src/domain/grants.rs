//! What one skill may touch for one agent.

use super::KvScope;
use serde::{Deserialize, Serialize};

/// The capabilities granted to a skill: what it asks for in `config/capabilities.toml`, as far as
/// the agent's owner agreed. Nothing is granted by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Grants {
    /// Key-value in the agent's scope.
    #[serde(alias = "kv_agent")]
    pub kv_agent: bool,
    /// Key-value in the conversation's scope.
    #[serde(alias = "kv_conversation")]
    pub kv_conversation: bool,
    /// Searching and reading the agent's memory.
    #[serde(alias = "memory_read")]
    pub memory_read: bool,
    /// Appending to the agent's memory.
    #[serde(alias = "memory_append")]
    pub memory_append: bool,
}

impl Grants {
    /// Everything: what an engine adapter has.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            kv_agent: true,
            kv_conversation: true,
            memory_read: true,
            memory_append: true,
        }
    }

    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            kv_agent: false,
            kv_conversation: false,
            memory_read: false,
            memory_append: false,
        }
    }

    /// Whether keys of this scope may be touched.
    #[must_use]
    pub const fn allows(self, scope: KvScope) -> bool {
        match scope {
            KvScope::Agent => self.kv_agent,
            KvScope::Conversation => self.kv_conversation,
        }
    }

    /// The line of `config/capabilities.toml` that would allow `scope` too.
    pub(crate) fn line_to_allow(self, scope: KvScope) -> String {
        let agent = self.kv_agent || scope == KvScope::Agent;
        let conversation = self.kv_conversation || scope == KvScope::Conversation;
        line(
            "key-value",
            &[("agent", agent), ("conversation", conversation)],
        )
    }

    /// The line of `config/capabilities.toml` that would allow reading (or appending to) the memory.
    pub(crate) fn line_to_allow_memory(self, append: bool) -> String {
        let read = self.memory_read || !append;
        let append = self.memory_append || append;
        line("memory", &[("read", read), ("append", append)])
    }
}

fn line(capability: &str, words: &[(&str, bool)]) -> String {
    let words: Vec<String> = words
        .iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(word, _)| format!("{word:?}"))
        .collect();
    format!("{capability} = [{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_whole_line_with_what_is_granted_already() {
        assert_eq!(
            Grants::none().line_to_allow(KvScope::Agent),
            r#"key-value = ["agent"]"#
        );
        let some = Grants {
            kv_agent: true,
            memory_read: true,
            ..Grants::none()
        };
        assert_eq!(
            some.line_to_allow(KvScope::Conversation),
            r#"key-value = ["agent", "conversation"]"#
        );
        assert_eq!(
            some.line_to_allow_memory(true),
            r#"memory = ["read", "append"]"#
        );
    }
}
