//! What one skill may touch for one agent.

use super::{CredentialWay, Digest, HttpRules, KvScope};
use serde::{Deserialize, Serialize};

/// The capabilities granted to a skill: what it asks for in `config/capabilities.toml`, as far as
/// the agent's owner agreed. Nothing is granted by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Requests to the network.
    #[serde(skip_serializing_if = "HttpRules::is_empty")]
    pub http: HttpRules,
}

impl Grants {
    /// All of the agent's state: what an engine adapter has. No requests: it reaches models, by the host.
    #[must_use]
    pub fn all() -> Self {
        Self {
            kv_agent: true,
            kv_conversation: true,
            memory_read: true,
            memory_append: true,
            http: HttpRules::default(),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// The digest that a grant is fixed by: over what is asked for, as it is stored (JSON), and the component that asks.
    #[must_use]
    pub fn digest(asked: &str, component: Option<&str>) -> Digest {
        Digest::of_texts(["grant 1", asked, component.unwrap_or_default()])
    }

    /// What is in it, for people, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let state = [
            (self.kv_agent, "key-value: agent"),
            (self.kv_conversation, "key-value: conversation"),
            (self.memory_read, "memory: read"),
            (self.memory_append, "memory: append"),
        ];
        let mut lines: Vec<String> = state
            .into_iter()
            .filter(|(granted, _)| *granted)
            .map(|(_, line)| line.to_owned())
            .collect();
        for rule in self.http.allowed() {
            let methods: Vec<&str> = rule
                .methods
                .iter()
                .map(super::http::HttpMethod::as_str)
                .collect();
            let port = match rule.port {
                443 => String::new(),
                port => format!(":{port}"),
            };
            let mut line = format!(
                "http: {} {}{port}{}",
                methods.join(", "),
                rule.host,
                rule.path
            );
            if let Some(name) = &rule.credential {
                line.push_str(&format!(" with the credential {name}"));
            }
            lines.push(line);
        }
        for (name, credential) in self.http.credentials() {
            let way = match &credential.way {
                CredentialWay::Header { name, .. } => format!("the header {name}"),
                CredentialWay::Query { name } => format!("the query's {name}"),
                CredentialWay::Basic { .. } => "basic authentication".to_owned(),
            };
            let (secret, host, path) = (&credential.secret, &credential.host, &credential.path);
            lines.push(format!(
                "credential {name}: the secret {secret}, as {way}, to {host}{path}"
            ));
        }
        lines
    }

    /// Whether keys of this scope may be touched.
    #[must_use]
    pub const fn allows(&self, scope: KvScope) -> bool {
        match scope {
            KvScope::Agent => self.kv_agent,
            KvScope::Conversation => self.kv_conversation,
        }
    }

    /// The line of `config/capabilities.toml` that would allow `scope` too.
    pub(crate) fn line_to_allow(&self, scope: KvScope) -> String {
        let agent = self.kv_agent || scope == KvScope::Agent;
        let conversation = self.kv_conversation || scope == KvScope::Conversation;
        line(
            "key-value",
            &[("agent", agent), ("conversation", conversation)],
        )
    }

    /// The line of `config/capabilities.toml` that would allow reading (or appending to) the memory.
    pub(crate) fn line_to_allow_memory(&self, append: bool) -> String {
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
