//! `[database]`: where the state is stored.

use super::bounds::{Quantity, whole};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("database.readers", 1, 64, "connections"),
    whole("database.writers", 1, 64, "connections"),
];

/// Where the state is stored (`[database]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://PATH`, the path relative to the working folder or absolute (`sqlite:///var/...`); or
    /// `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE`, the database made before.
    pub url: DatabaseUrl,
    /// Connections that read.
    pub readers: u32,
    /// Connections that write to PostgreSQL, beside one that listens and one that tells. SQLite has one that writes.
    pub writers: u32,
    /// What of what was acknowledged SQLite may lose when the machine loses power; PostgreSQL has its own setting for that
    /// (`synchronous_commit`). A process that is killed loses nothing either way.
    pub sqlite_synchronous: Synchronous,
}

/// What a commit to SQLite waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// The disk: nothing that was acknowledged is lost. Commits are shared by those who wait, so that it costs little.
    #[default]
    Full,
    /// Nothing: the last moments before a loss of power may be lost, and what is left is whole.
    Normal,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::Sqlite(PathBuf::from("agent-factory.db")),
            readers: 4,
            writers: 8,
            sqlite_synchronous: Synchronous::Full,
        }
    }
}

/// The address of a database. It is shown, and serialized, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A database of a server.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database, with its password if it has one.
#[derive(Clone)]
pub struct PostgresUrl {
    whole: SecretString,
    shown: String,
    has_password: bool,
}

/// What may stand behind the `?`. A password may not: it is looked for before the `@` only.
const PARAMETERS: [&str; 6] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "application_name",
];

/// An address that is none of a database. Does not repeat it: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a database is sqlite://PATH, with a path and no ? or # in it, or \
     postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE, with no parameter but {}", PARAMETERS.join(", ")
)]
pub struct DatabaseUrlError;

impl DatabaseUrl {
    /// The file of an embedded database.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// Whether there is a password in it, which is not shown.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if url.has_password)
    }
}

impl PostgresUrl {
    /// The address with its password, to connect by.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.whole.expose_secret()
    }
}

impl FromStr for PostgresUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let mut url = Url::parse(text).map_err(|_| DatabaseUrlError)?;
        let known = |name: &str| PARAMETERS.contains(&name);
        let is_whole = matches!(url.scheme(), "postgres" | "postgresql")
            && url.path().len() > 1
            && url.fragment().is_none()
            && url.query_pairs().all(|(name, _)| known(&name));
        if !is_whole {
            return Err(DatabaseUrlError);
        }
        let has_password = url.password().is_some();
        // An address without a host can have no password, and refuses to be told so.
        if has_password && url.set_password(None).is_err() {
            return Err(DatabaseUrlError);
        }
        Ok(Self {
            whole: text.to_owned().into(),
            shown: url.into(),
            has_password,
        })
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for PostgresUrl {}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PostgresUrl({})", self.shown)
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
            Some(_) => Err(DatabaseUrlError),
            None => Ok(Self::Postgres(text.parse()?)),
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
        match self {
            Self::Sqlite(path) => write!(out, "sqlite://{}", path.display()),
            Self::Postgres(url) => write!(out, "{url}"),
        }
    }
}
