//! `config/capabilities.toml`: what a skill asks for.

use crate::domain::{Grants, LimitSet, LimitSetError, Reach};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
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

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum CapabilitiesError {
    /// It is no such file.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A limit that cannot be asked for.
    #[error("[limits]: {0}")]
    Limits(#[from] LimitSetError),
}

/// Parse the file: what the skill may use, and what a call of it may take. What it does not name is not asked for.
pub(super) fn parse(text: &str) -> Result<(Grants, LimitSet), CapabilitiesError> {
    let File {
        capabilities,
        limits,
    } = toml::from_str(text)?;
    let limits = LimitSet::parse(&limits, Reach::Call)?;
    let grants = Grants {
        kv_agent: capabilities.key_value.contains(&Scope::Agent),
        kv_conversation: capabilities.key_value.contains(&Scope::Conversation),
        memory_read: capabilities.memory.contains(&Access::Read),
        memory_append: capabilities.memory.contains(&Access::Append),
    };
    Ok((grants, limits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LimitName;

    #[test]
    fn what_is_not_named_is_not_asked_for() {
        let (grants, limits) = parse("[capabilities]\nkey-value = [\"agent\"]\n").unwrap();
        assert!(limits.is_empty());
        assert_eq!(
            grants,
            Grants {
                kv_agent: true,
                ..Grants::default()
            }
        );
        assert_eq!(parse("").unwrap().0, Grants::default());
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

    #[test]
    fn limits_are_asked_for_by_name_and_what_is_wrong_with_them_is_said() {
        let (_, limits) = parse("[limits]\ntool_ms = 5_000\nmemory_bytes = 1_048_576\n").unwrap();
        assert_eq!(limits.get(LimitName::ToolMs), Some(5_000));
        assert_eq!(limits.get(LimitName::MemoryBytes), Some(1 << 20));
        for (wrong, said) in [
            (
                "turn_ms = 5",
                "\"turn_ms\" is no limit that can be set here",
            ),
            (
                "tool_ms = 0",
                "tool_ms must be 1 to 3600000 milliseconds, not 0",
            ),
            ("tool_ms = -1", "invalid value: integer `-1`"),
            ("tool_ms = \"5s\"", "invalid type: string"),
        ] {
            let error = parse(&format!("[limits]\n{wrong}\n")).unwrap_err();
            assert!(error.to_string().contains(said), "{wrong}: {error}");
        }
    }
}
