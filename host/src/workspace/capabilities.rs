//! `config/capabilities.toml`: what a skill asks for.

use crate::domain::Grants;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Capabilities {
    key_value: Vec<Scope>,
    memory: Vec<Access>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    Agent,
    Conversation,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Access {
    Read,
    Append,
}

/// Parse the file. What it does not name is not asked for.
pub(super) fn parse(text: &str) -> Result<Grants, toml::de::Error> {
    let File { capabilities } = toml::from_str(text)?;
    Ok(Grants {
        kv_agent: capabilities.key_value.contains(&Scope::Agent),
        kv_conversation: capabilities.key_value.contains(&Scope::Conversation),
        memory_read: capabilities.memory.contains(&Access::Read),
        memory_append: capabilities.memory.contains(&Access::Append),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_asked_for() {
        let grants = parse("[capabilities]\nkey-value = [\"agent\"]\n").unwrap();
        assert_eq!(
            grants,
            Grants {
                kv_agent: true,
                ..Grants::default()
            }
        );
        assert_eq!(parse("").unwrap(), Grants::default());
    }

    #[test]
    fn an_unknown_capability_or_scope_is_an_error_that_names_it() {
        let error = parse("[capabilities]\nsockets = true\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("sockets"), "{error}");
        let error = parse("[capabilities]\nmemory = [\"forget\"]\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("forget"), "{error}");
    }
}
