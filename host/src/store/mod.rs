//! The database: one [`Db`] for everything that must outlive a process.
//!
//! `Db` is a concrete enum over the databases we run on, with no repository traits: operations live in the
//! folder of their duty, each with its SQL beside it, and run on a [`Tx`]. A write is a closure handed to
//! [`Db::write`]. On SQLite one task owns the only writing connection and commits many callers' writes at
//! once (`store/writer.rs`); on PostgreSQL each write is a transaction of its own beside others, and what may change is
//! locked before it is read (`store/postgres.rs`). On both, a caller that goes away (a dropped HTTP request) cannot stop
//! half way through its write.
//!
//! The database's clock is the only wall clock of the system: [`Tx::now`]. Only tests can set it.

mod announcing;
mod columns;
mod dialect;
mod error;
mod listening;
mod postgres;
mod signals;
mod sqlite;
mod tx;
mod writer;

pub use dialect::Sql;
pub use error::StoreError;
pub use signals::{Listener, Signals, Topic};
pub use tx::{Connection, Tx, Work};

pub(crate) use columns::Columns;
pub(crate) use dialect::without_nul;
pub(crate) use tx::on_tx;

use crate::config::{DatabaseUrl, Synchronous};
use crate::domain::Timestamp;
use crate::telemetry::Metrics;
use postgres::Postgres;
use sqlite::Sqlite;

/// A database. Cheap to clone; all clones share its connections.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file beside the process.
    Sqlite(Sqlite),
    /// A server that any number of processes share.
    Postgres(Postgres),
}

/// How many connections a process holds to its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// For reads, at least 1.
    pub readers: u32,
    /// For writes to PostgreSQL, at least 1; SQLite has one writer. Two more connections to PostgreSQL listen and tell.
    pub writers: u32,
    /// What a commit to SQLite waits for.
    pub sqlite_synchronous: Synchronous,
}

/// Whose clock stamps the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The database's own.
    Database,
    /// The one row of `test_clock`, which [`Db::set_clock`] moves. No configuration leads here.
    Test,
}

impl Db {
    /// Open the database at `url`, and bring its schema up to date. A file is made where there is none; a server's database
    /// must be there. A second process that opens it meanwhile waits.
    ///
    /// # Errors
    /// Where it cannot be opened, or was written by a newer version.
    pub async fn open(
        url: &DatabaseUrl,
        connections: Connections,
        clock: ClockSource,
    ) -> Result<Self, StoreError> {
        Ok(match url {
            DatabaseUrl::Sqlite(path) => {
                Self::Sqlite(Sqlite::open(path, connections, clock).await?)
            }
            DatabaseUrl::Postgres(url) => {
                Self::Postgres(Postgres::open(url, connections, clock).await?)
            }
        })
    }

    /// Run `work` in one transaction that commits when it answers `Ok` and changes nothing otherwise. On SQLite it may
    /// share its commit, and its moment ([`Tx::now`]), with other callers' work, but never their failure. On PostgreSQL
    /// it runs beside others, at READ COMMITTED, once: `work` cannot be run again, so operations lock rows in an order
    /// in which no two wait for each other (`host/decisions/0006`), and a caller that is told of a failure repeats it.
    ///
    /// # Errors
    /// What `work` answers, or a failed commit.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E> + Send + 'static,
    {
        match self {
            Self::Sqlite(db) => db.writer().write(work).await,
            Self::Postgres(db) => db.write(work).await,
        }
    }

    /// Run `work` on a connection that cannot write. Each of its statements sees the latest commit.
    ///
    /// # Errors
    /// What `work` answers, or that no connection is to be had.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E>,
    {
        let mut tx = match self {
            Self::Sqlite(db) => db.reader().await?,
            Self::Postgres(db) => db.reader().await?,
        };
        work(&mut tx).await
    }

    /// What is counted of this process's work on this database. Everything else of the process counts there too.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        match self {
            Self::Sqlite(db) => db.metrics(),
            Self::Postgres(db) => db.metrics(),
        }
    }

    /// What has changed lately, for those who wait. A hint: what other processes change shows here on PostgreSQL only, and
    /// not while its listener is cut off, so whoever waits also looks by itself now and then.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        match self {
            Self::Sqlite(db) => db.signals(),
            Self::Postgres(db) => db.signals(),
        }
    }

    /// Move the test clock.
    ///
    /// # Errors
    /// Where the database was not opened with [`ClockSource::Test`].
    pub async fn set_clock(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| Box::pin(async move { tx.set_clock(now).await }))
            .await
    }

    /// Whether the database answers, and has every migration of this version.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        let (known, mut tx) = match self {
            Self::Sqlite(db) => (Sqlite::migrations(), db.reader().await?),
            Self::Postgres(db) => (Postgres::migrations(), db.reader().await?),
        };
        let run: i64 = on_tx!(tx, |conn| sqlx::query_scalar(
            "SELECT count(*) FROM _sqlx_migrations WHERE success"
        )
        .fetch_one(conn)
        .await)?;
        Ok(usize::try_from(run).is_ok_and(|run| run >= known))
    }

    /// Finish what was handed to [`Db::write`], then close every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }
}
