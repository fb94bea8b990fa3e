//! The database: one [`Db`] for everything that must outlive a process.
//!
//! `Db` is a concrete enum over the databases we run on, with no repository traits: operations live in the
//! folder of their duty, each with its SQL beside it, and run on a [`Tx`]. A write is a closure handed to
//! [`Db::write`]. On SQLite one task owns the only writing connection and commits many callers' writes at
//! once ([`writer`]); a caller that goes away (a dropped HTTP request) cannot stop half way through its write.
//!
//! The database's clock is the only wall clock of the system: [`Tx::now`]. Only tests can set it.

mod error;
mod signals;
mod sqlite;
mod tx;
mod writer;

pub use error::StoreError;
pub use signals::{Listener, Signals, Topic};
pub use tx::{Connection, Tx, Work};

pub(crate) use tx::on_tx;

use crate::domain::Timestamp;
use sqlite::Sqlite;
use std::path::Path;

/// A database. Cheap to clone; all clones share one writer.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file beside the process.
    Sqlite(Sqlite),
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
    /// Open the SQLite database at `path`, made where there is none, and bring its schema up to date. A
    /// second process that opens it meanwhile waits. `readers` connections serve reads.
    ///
    /// # Errors
    /// Where the file cannot be opened, or was written by a newer version.
    pub async fn open_sqlite(
        path: &Path,
        readers: u32,
        clock: ClockSource,
    ) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(Sqlite::open(path, readers, clock).await?))
    }

    /// Run `work` in one transaction that commits when it answers `Ok` and changes nothing otherwise. It may
    /// share its commit, and its moment ([`Tx::now`]), with other callers' work, but never their failure.
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
        };
        work(&mut tx).await
    }

    /// What has changed lately, for those who wait. A hint: other processes' changes do not show here, so
    /// whoever waits also looks by itself now and then.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        match self {
            Self::Sqlite(db) => db.signals(),
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

    /// Finish what was handed to [`Db::write`], then close every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
        }
    }
}
