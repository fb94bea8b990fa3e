//! The program, installed: a database of its own, settings, and processes on them.

use crate::factory::MASTER_KEY;
use crate::process::Process;
use crate::{built, postgres};
use std::path::Path;
use tokio::process::Command;

/// A database, and the settings of every process on it.
pub struct Installation {
    folder: tempfile::TempDir,
    url: String,
    variables: Vec<(String, String)>,
    _database: Option<postgres::Database>,
}

impl Installation {
    /// On SQLite.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("factory.db").display());
        Self {
            folder,
            url,
            variables: Vec::new(),
            _database: None,
        }
    }

    /// On an empty PostgreSQL database; none where there is no server.
    pub async fn postgres() -> Option<Self> {
        Some(Self::owning(postgres::Database::empty().await?))
    }

    /// On a PostgreSQL database with the schema and no rows; none where there is no server.
    pub async fn migrated() -> Option<Self> {
        Some(Self::owning(postgres::Database::create().await?))
    }

    fn owning(database: postgres::Database) -> Self {
        let mut installation = Self::on(database.url().to_owned());
        installation._database = Some(database);
        installation
    }

    /// On the database at `url`.
    pub fn on(url: String) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            url,
            variables: Vec::new(),
            _database: None,
        }
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With these settings over the defaults: `("limits.engine_slots", "1")`.
    #[must_use]
    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        for (key, value) in settings {
            self = self.variable(&agent_factory::config::variable_of(key), value);
        }
        self
    }

    /// The database's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its processes run, and what they store beside the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Start a control plane, and wait until it serves. Any number may run at once on PostgreSQL.
    pub async fn control_plane(&self) -> Process {
        let mut command = self.command("serve");
        command
            .args(["--listen", "127.0.0.1:0"])
            .env("AGENT_FACTORY_DATABASE__URL", &self.url)
            .env("AGENT_FACTORY_MASTER_KEY", MASTER_KEY);
        let mut process = Process::spawn(command);
        process.serves().await;
        process
    }

    /// A command of the program in the installation's environment.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(built::program());
        command
            .arg(name)
            .env_clear()
            .env("RUST_LOG", "agent_factory=info")
            .envs(self.variables.clone())
            .current_dir(self.folder.path());
        command
    }
}
