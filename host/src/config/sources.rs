//! Reads the file and the environment, and merges them over the defaults.

use super::environment::Variables;
use super::error::{ConfigError, Origin, Problem};
use super::keys::{PREFIX, hint, leaves, nearest, tree, variable_of};
use super::{Config, MASTER_KEY_VARIABLE, bounds, rules};
use config::{Environment, File, FileFormat, Map, ValueKind};
use serde_json::{Number, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// See [`Config::load`].
pub(super) fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let defaults = leaves(&Config::default());
    let mut environment = Variables::sort(environment, &defaults);
    let mut problems = std::mem::take(&mut environment.problems);

    let path = file.map(Path::to_path_buf).or(environment.file);
    let origin = |key: &str, set: bool| match &path {
        _ if environment.set.contains_key(&variable_of(key)) => Origin::Environment,
        Some(path) if set => Origin::File(path.clone()),
        _ => Origin::Default,
    };

    let mut values = defaults.clone();
    let mut set = BTreeSet::new();
    for (key, value) in merge(path.as_deref(), &environment.set, &defaults)? {
        if !defaults.contains_key(&key) {
            problems.push(unknown_key(key, path.as_deref(), &defaults));
            continue;
        }
        let is_variable = environment.set.contains_key(&variable_of(&key));
        let value = plain(&key, value, is_variable);
        set.insert(key.clone());
        values.insert(key, value);
    }
    let origin = |key: &str| origin(key, set.contains(key));

    problems.extend(bounds::check(&values, &origin));
    problems.extend(refused_texts(&values, &origin));
    problems.extend(rules::check(&values, &origin));
    ConfigError::refuse(problems)?;
    let mut config: Config =
        serde_json::from_value(tree(&values)).map_err(ConfigError::Contradiction)?;
    config.secrets.master_key = environment.master_key;
    Ok(config)
}

/// A key of the merged tree that does not exist. It is the file's: unknown variables are not merged.
fn unknown_key(key: String, path: Option<&Path>, defaults: &BTreeMap<String, Value>) -> Problem {
    let hint = if key == "secrets.master_key" {
        format!("the master key comes from {MASTER_KEY_VARIABLE} or secrets.master_key_file")
    } else if is_section(&key, defaults) {
        format!("it is a section: write [{key}] above its keys")
    } else {
        hint(nearest(&key, defaults.keys()))
    };
    Problem::UnknownKey {
        written: key,
        origin: path.map_or(Origin::Environment, |path| Origin::File(path.to_path_buf())),
        hint,
    }
}

/// The keys that the file or the environment sets, the environment winning.
fn merge(
    path: Option<&Path>,
    variables: &Map<String, String>,
    defaults: &BTreeMap<String, Value>,
) -> Result<Vec<(String, config::Value)>, ConfigError> {
    let mut builder = config::Config::builder();
    let mut text = String::new();
    if let Some(path) = path {
        text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_path_buf(),
            source,
        })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let environment = Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("_")
        .separator("__")
        .source(Some(variables.clone()));
    // Only the file can fail here: the variables are plain texts under known names.
    let merged = builder
        .add_source(environment)
        .build()
        .map_err(|error| ConfigError::Syntax {
            path: path.map(Path::to_path_buf).unwrap_or_default(),
            reason: syntax(&text).unwrap_or_else(|| error.to_string()),
        })?;
    let mut found = Vec::new();
    flatten("", merged.cache, defaults, &mut found);
    found.sort_by(|(one, _), (two, _)| one.cmp(two));
    Ok(found)
}

/// What is wrong with a TOML text and on which line. The line itself is not repeated, as the parser
/// would: it may hold a secret in the wrong place.
fn syntax(text: &str) -> Option<String> {
    let error = text.parse::<toml::Table>().err()?;
    let before = error.span().and_then(|span| text.get(..span.start))?;
    let line = before.matches('\n').count() + 1;
    Some(format!("{} on line {line}", error.message()))
}

/// Takes tables apart into `section.name`. An unknown table stays even where it is empty, so that it
/// is noticed.
fn flatten(
    key: &str,
    value: config::Value,
    defaults: &BTreeMap<String, Value>,
    found: &mut Vec<(String, config::Value)>,
) {
    match value.kind {
        ValueKind::Table(table)
            if !table.is_empty() || key.is_empty() || is_section(key, defaults) =>
        {
            for (name, value) in table {
                let key = if key.is_empty() {
                    name
                } else {
                    format!("{key}.{name}")
                };
                flatten(&key, value, defaults, found);
            }
        }
        kind => found.push((key.to_owned(), config::Value::new(None, kind))),
    }
}

fn is_section(key: &str, defaults: &BTreeMap<String, Value>) -> bool {
    defaults.keys().any(|known| {
        known
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// A value as its key takes it. A variable is a text, so a quantity's is read as a number; what
/// is none stays a text, and its bounds refuse it.
fn plain(key: &str, value: config::Value, is_variable: bool) -> Value {
    let is_number = is_variable && bounds::quantity(key).is_some();
    match value.kind {
        ValueKind::String(text) if is_number => text
            .parse::<Number>()
            .map_or(Value::String(text), Value::Number),
        ValueKind::String(text) => Value::String(text),
        ValueKind::Boolean(truth) => Value::Bool(truth),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        ValueKind::Float(number) => {
            Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        ValueKind::Array(values) => values
            .into_iter()
            .map(|value| plain(key, value, is_variable))
            .collect(),
        other => Value::String(other.to_string()),
    }
}

/// Every text that its key refuses, found by deserializing each for itself.
fn refused_texts(
    values: &BTreeMap<String, Value>,
    origin: &dyn Fn(&str) -> Origin,
) -> Vec<Problem> {
    values
        .iter()
        .filter(|(key, _)| bounds::quantity(key).is_none())
        .filter_map(|(key, value)| {
            let error = serde_json::from_value::<Config>(tree([(key, value)])).err()?;
            Some(Problem::Text {
                key: key.clone(),
                reason: error.to_string(),
                origin: origin(key),
            })
        })
        .collect()
}
