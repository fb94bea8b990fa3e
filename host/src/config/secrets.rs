//! `[secrets]`: where the master key is found.

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use std::path::PathBuf;

/// Where the master key is found (`[secrets]`). There is no default: without a key nothing that
/// stores a secret starts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// A file with 32 bytes as 64 hex digits or as base64, readable by its owner only.
    #[serde(serialize_with = "as_text")]
    pub master_key_file: Option<PathBuf>,
    /// The same, given by the variable `AGENT_FACTORY_MASTER_KEY`, which goes before the file.
    /// Never serialized.
    #[serde(skip)]
    pub master_key: Option<SecretString>,
    /// A token of the operator's, given by the variable `AGENT_FACTORY_OPERATOR_TOKEN`, that a control plane makes known
    /// when it starts. Never serialized.
    #[serde(skip)]
    pub operator_token: Option<SecretString>,
}

/// A loaded path is always Unicode; one that was set in code may not be, and is shown as far as it is.
fn as_text<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(to)
}
