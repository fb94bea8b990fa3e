//! The PostgreSQL server of a run of the tests.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::cluster::{ADDRESS_VARIABLE, Cluster, SKIPS_VARIABLE};
use crate::workspace::Workspace;

/// What the tests run against, and where those that cannot are counted.
pub(crate) struct Postgres {
    server: Server,
    skips: PathBuf,
}

enum Server {
    /// Somebody else's: the tests find it in `DATABASE_URL`, or in the variable of this module.
    Given,
    /// Gone with this process.
    Ours(Cluster),
    None,
}

impl Postgres {
    /// Start a server, where none is given and its programs are installed.
    ///
    /// # Errors
    /// Fails when the server does not start, and when there is none though `CI` is set.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let skips = workspace.target.join("skipped-without-postgresql");
        // What an earlier run counted.
        std::fs::remove_file(&skips).ok();
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let server = if is_set("DATABASE_URL") || is_set(ADDRESS_VARIABLE) {
            Server::Given
        } else {
            eprintln!("xtask: a PostgreSQL server for the tests");
            Cluster::start()
                .map_err(|error| anyhow!("start PostgreSQL for the tests: {error}"))?
                .map_or(Server::None, Server::Ours)
        };
        if matches!(server, Server::None) {
            if is_set("CI") {
                bail!(
                    "there is no PostgreSQL to test with: install its server's programs, or set DATABASE_URL"
                );
            }
            eprintln!("xtask: WARNING: there is no PostgreSQL, and what runs on it is NOT TESTED;");
            eprintln!("xtask: install its server's programs, or set DATABASE_URL");
        }
        Ok(Self { server, skips })
    }

    /// Tell the tests where the server is.
    pub(crate) fn tell(&self, tests: &mut Command) {
        tests.env(SKIPS_VARIABLE, &self.skips);
        match &self.server {
            Server::Given => {}
            Server::Ours(cluster) => {
                tests.env(ADDRESS_VARIABLE, cluster.address());
            }
            // Each would look for one by itself otherwise.
            Server::None => {
                tests.env(ADDRESS_VARIABLE, "");
            }
        }
    }

    /// Remove the server, and say how many tests were skipped.
    ///
    /// # Errors
    /// Fails when the list of skips cannot be read.
    pub(crate) fn stop(self) -> Result<()> {
        if let Server::Ours(cluster) = self.server {
            cluster.stop();
        }
        if self.skips.exists() {
            let skips = std::fs::read_to_string(&self.skips)
                .with_context(|| format!("read {}", self.skips.display()))?;
            let count = skips.lines().count();
            eprintln!("xtask: WARNING: {count} tests were SKIPPED: there is no PostgreSQL");
        }
        Ok(())
    }
}
