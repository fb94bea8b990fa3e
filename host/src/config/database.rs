//! `[database]`: where the state is stored.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(super) const QUANTITIES: &[Quantity] = &[whole("database.readers", 1, 64, "connections")];

/// Where the state is stored (`[database]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://PATH`, the path relative to the working folder or absolute (`sqlite:///var/...`).
    pub url: DatabaseUrl,
    /// Connections that read. One more writes.
    pub readers: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::Sqlite(PathBuf::from("agent-factory.db")),
            readers: 4,
        }
    }
}

/// The address of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(PathBuf),
}

/// An address that is none of a database. Does not repeat it: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a database is sqlite://PATH, with a path and no ? or # in it")]
pub struct DatabaseUrlError;

impl DatabaseUrl {
    /// The file of an embedded database.
    #[must_use]
    pub fn sqlite_path(&self) -> &Path {
        let Self::Sqlite(path) = self;
        path
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        match text.strip_prefix("sqlite://") {
            // A database in memory would lose acknowledged messages.
            Some(path) if !path.is_empty() && path != ":memory:" && !path.contains(['?', '#']) => {
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            _ => Err(DatabaseUrlError),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(out, "sqlite://{}", path.display())
    }
}
