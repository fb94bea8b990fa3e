//! The process's environment: the one place that reads it, and what is made of its variables.

use super::error::{Origin, Problem};
use super::keys::{PREFIX, hint, nearest, variable_of};
use super::{FILE_VARIABLE, MASTER_KEY_VARIABLE, OPERATOR_TOKEN_VARIABLE};
use config::Map;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The process's variables, for [`super::Config::load`]. Names that are not Unicode are left out;
/// a value that is not Unicode keeps what can be read of it and is then refused by its key.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

/// What the environment holds for this program.
pub(super) struct Variables {
    /// Variables that set a key.
    pub(super) set: Map<String, String>,
    /// The file that [`FILE_VARIABLE`] names.
    pub(super) file: Option<PathBuf>,
    /// What [`MASTER_KEY_VARIABLE`] holds.
    pub(super) master_key: Option<SecretString>,
    /// What [`OPERATOR_TOKEN_VARIABLE`] holds.
    pub(super) operator_token: Option<SecretString>,
    /// Variables that set nothing but look as if they should.
    pub(super) problems: Vec<Problem>,
}

impl Variables {
    /// Takes this program's variables and leaves the others. An empty one counts as not set where
    /// it is no key's.
    pub(super) fn sort(
        environment: impl Iterator<Item = (String, String)>,
        defaults: &BTreeMap<String, Value>,
    ) -> Self {
        let known: BTreeMap<String, &String> =
            defaults.keys().map(|key| (variable_of(key), key)).collect();
        let mut sorted = Self {
            set: Map::new(),
            file: None,
            master_key: None,
            operator_token: None,
            problems: Vec::new(),
        };
        for (name, value) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
            if known.contains_key(&name) {
                sorted.set.insert(name, value);
            } else if name == FILE_VARIABLE {
                sorted.file = (!value.is_empty()).then(|| PathBuf::from(value));
            } else if name == MASTER_KEY_VARIABLE {
                sorted.master_key = (!value.is_empty()).then(|| SecretString::from(value));
            } else if name == OPERATOR_TOKEN_VARIABLE {
                sorted.operator_token = (!value.is_empty()).then(|| SecretString::from(value));
            } else if let Some(hint) = unknown_variable(&name, &known) {
                sorted.problems.push(Problem::UnknownKey {
                    written: name,
                    origin: Origin::Environment,
                    hint,
                });
            }
        }
        // The environment has no order, and errors should.
        sorted.problems.sort_by_key(ToString::to_string);
        sorted
    }
}

/// What to say of a variable that sets no key: nothing at all where it is another command's own
/// (those have no `__`), unless it is a key's variable with its underscores mixed up.
fn unknown_variable(name: &str, known: &BTreeMap<String, &String>) -> Option<String> {
    let letters = |name: &str| name.replace('_', "");
    if let Some(meant) = known.keys().find(|known| letters(known) == letters(name)) {
        return Some(hint(Some(meant)));
    }
    let written = name.strip_prefix(PREFIX)?.to_lowercase();
    written.contains("__").then(|| {
        let meant = nearest(&written.replace("__", "."), known.values().copied());
        hint(meant.map(|key| variable_of(key)).as_ref())
    })
}
