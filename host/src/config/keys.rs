//! The keys there are, how they are called in the environment, and which one was probably meant.
//!
//! Nobody keeps a list: the keys are what the defaults serialize to.

use super::Config;
use serde_json::Value;
use std::collections::BTreeMap;

/// What every variable of this program starts with.
pub(super) const PREFIX: &str = "AGENT_FACTORY_";

/// How far a misspelt key may be from the one that is suggested, in single edits.
const NEAR: usize = 3;

/// The variable that sets a key: `queue.poll_ms` is `AGENT_FACTORY_QUEUE__POLL_MS`.
#[must_use]
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Every key of a configuration with its value; keys that are not set have a null.
pub(super) fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    // Sections have names for keys and no maps of other kinds: they always serialize.
    let sections = match serde_json::to_value(config) {
        Ok(Value::Object(sections)) => sections,
        _ => return leaves,
    };
    for (section, values) in sections {
        if let Value::Object(values) = values {
            for (name, value) in values {
                leaves.insert(format!("{section}.{name}"), value);
            }
        }
    }
    leaves
}

/// The reverse of [`leaves`], as the tree that [`Config`] is deserialized from.
pub(super) fn tree<'a>(leaves: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Value {
    let mut sections = serde_json::Map::new();
    for (key, value) in leaves {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let section = sections
            .entry(section)
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(values) = section {
            values.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(sections)
}

/// The known key that was probably meant: one that is only a few letters away, or else one of the
/// same name in another section.
pub(super) fn nearest<'a>(
    written: &str,
    mut known: impl Iterator<Item = &'a String> + Clone,
) -> Option<&'a String> {
    let near = known
        .clone()
        .map(|key| (strsim::damerau_levenshtein(key, written), key))
        .filter(|(distance, _)| *distance <= NEAR)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key);
    let (_, name) = written.rsplit_once('.').unwrap_or(("", written));
    let is_namesake = |key: &&String| key.split_once('.').is_some_and(|(_, of)| of == name);
    near.or_else(|| known.find(is_namesake))
}

/// What to write instead of something unknown.
pub(super) fn hint(meant: Option<&String>) -> String {
    meant.map_or_else(
        || "`config show` lists the known ones".to_owned(),
        |meant| format!("did you mean {meant}?"),
    )
}
