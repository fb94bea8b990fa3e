//! `[provider]`: what starts and stops workers.

use serde::{Deserialize, Serialize};

/// What starts and stops workers (`[provider]`). Its credential is a secret and no setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    /// `none`, `process` or `fly`.
    pub kind: ProviderKind,
    /// The Fly app that the worker machines belong to, for example `agent-factory-workers`. An app of
    /// its own: every machine in it is taken for a worker.
    #[serde(deserialize_with = "app")]
    pub app: Option<String>,
    /// The Fly regions to try, in order, for example `iad,eu`. Without it Fly chooses.
    #[serde(deserialize_with = "region")]
    pub region: Option<String>,
}

/// Who runs the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Nobody: workers are started by hand, or run inside the control plane.
    #[default]
    None,
    /// Processes on this machine.
    Process,
    /// Fly Machines.
    Fly,
}

fn app<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text(from, "a Fly app is 1 to 63 of a-z, 0-9 and -", fits)
}

fn region<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ',';
    text(from, "regions are 1 to 63 of a-z, 0-9 and commas", fits)
}

/// A short text that ends up in an address.
fn text<'de, D: serde::Deserializer<'de>>(
    from: D,
    expected: &str,
    fits: fn(char) -> bool,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    match text {
        Some(text) if text.is_empty() || text.len() > 63 || !text.chars().all(fits) => {
            Err(serde::de::Error::custom(expected))
        }
        fitting => Ok(fitting),
    }
}
