use super::{ClockSource, StoreError, Topic};
use crate::domain::Timestamp;
use crate::telemetry::{Metrics, Tally};
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

/// What a closure handed to [`super::Db::write`] gives back.
pub type Work<'t, T, E> = BoxFuture<'t, Result<T, E>>;

/// Where statements run: a transaction, or a connection that only reads.
#[derive(Debug)]
pub struct Tx {
    link: Link,
    clock: ClockSource,
    now: Option<Timestamp>,
    raised: Vec<Topic>,
    tallies: Vec<Tally>,
    metrics: Metrics,
    failed: bool,
}

#[derive(Debug)]
pub(super) enum Link {
    SqliteWriter(SqliteConnection),
    SqliteReader(PoolConnection<Sqlite>),
    PostgresWriter(Transaction<'static, Postgres>),
    PostgresReader(PoolConnection<Postgres>),
}

/// A borrowed connection, for the `on_tx!` macro of this module to match on.
#[derive(Debug)]
pub enum Connection<'t> {
    /// To SQLite.
    Sqlite(&'t mut SqliteConnection),
    /// To PostgreSQL.
    Postgres(&'t mut PgConnection),
}

/// Run the same sqlx expression on whichever database `$tx` is of. It answers a `Result` of one type for both: what
/// `execute` answers is the database's own, and is mapped to what is wanted of it.
macro_rules! on_tx {
    ($tx:expr, |$conn:ident| $body:expr) => {{
        let result = match $tx.connection() {
            $crate::store::Connection::Sqlite($conn) => $body,
            $crate::store::Connection::Postgres($conn) => $body,
        };
        if result.is_err() {
            $tx.failed();
        }
        result
    }};
}
pub(crate) use on_tx;

/// The database's clock, in milliseconds of the Unix epoch.
const SQLITE_NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
/// Differs by necessity: a function of the schema, which tests replace, so that other statements can ask it too.
const POSTGRES_NOW: &str = "SELECT clock_ms()";
const TEST_NOW: &str = "SELECT now_ms FROM test_clock";

impl Tx {
    pub(super) const fn new(link: Link, clock: ClockSource, metrics: Metrics) -> Self {
        Self {
            link,
            clock,
            now: None,
            raised: Vec::new(),
            tallies: Vec::new(),
            metrics,
            failed: false,
        }
    }

    /// The connection, for `on_tx!`.
    pub fn connection(&mut self) -> Connection<'_> {
        match &mut self.link {
            Link::SqliteWriter(conn) => Connection::Sqlite(conn),
            Link::SqliteReader(conn) => Connection::Sqlite(conn),
            Link::PostgresWriter(conn) => Connection::Postgres(conn),
            Link::PostgresReader(conn) => Connection::Postgres(conn),
        }
    }

    /// Whether this is a transaction that may write.
    #[must_use]
    pub const fn can_write(&self) -> bool {
        matches!(self.link, Link::SqliteWriter(_) | Link::PostgresWriter(_))
    }

    /// Whether others write to this database at the same time, so that a row is to be locked before it is read.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.link, Link::PostgresWriter(_) | Link::PostgresReader(_))
    }

    /// The moment of this transaction: read from the database's clock the first time it is asked for, and the same from
    /// then on.
    ///
    /// On PostgreSQL transactions run beside each other, so a moment can be earlier than that of a transaction which
    /// committed first. What must not go back (a conversation's order) takes the later of the moment and what is
    /// stored. Where a lease is compared with it, it is asked for after the row is locked: a lease that ended during
    /// the wait has ended.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn now(&mut self) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let sql = match (self.clock, self.is_shared()) {
            (_, true) => POSTGRES_NOW,
            (ClockSource::Test, false) => TEST_NOW,
            (ClockSource::Database, false) => SQLITE_NOW,
        };
        let now = on_tx!(self, |conn| sqlx::query_scalar(sql).fetch_one(conn).await)?;
        self.now = Some(now);
        Ok(now)
    }

    /// As [`Tx::now`], for a statement that asks the clock itself where it is not told, and answers what it was: NULL on
    /// PostgreSQL while nobody has asked, which saves asking first. Its answer is for [`Tx::it_was`].
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(crate) async fn now_or_ask(&mut self) -> Result<Option<Timestamp>, StoreError> {
        if self.is_shared() {
            return Ok(self.now);
        }
        self.now().await.map(Some)
    }

    /// A statement has asked the clock: that is the moment of this transaction, where it had none.
    pub(crate) fn it_was(&mut self, now: Timestamp) -> Timestamp {
        *self.now.get_or_insert(now)
    }

    /// Until this transaction ends, no other that asks for the same name goes on. For what no row stands for yet: what
    /// two could make at once. So that no two transactions wait for each other, a name of something that arrives is
    /// asked for before any row is locked, and one of an agent's things between its conversation and its own row. Free on
    /// SQLite, where writers are one after another.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn one_at_a_time(&mut self, name: &[&str]) -> Result<(), StoreError> {
        // Names whose hashes are equal wait for each other without need, and that is all.
        const SQL: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        let name = name.join("\u{1f}");
        let done = match self.connection() {
            Connection::Sqlite(_) => return Ok(()),
            Connection::Postgres(conn) => sqlx::query(SQL).bind(name).execute(conn).await,
        };
        if done.is_err() {
            self.failed();
        }
        done?;
        Ok(())
    }

    /// Once this transaction has committed, tell those who wait for `topic` to look.
    pub fn raise(&mut self, topic: Topic) {
        if !self.raised.contains(&topic) {
            self.raised.push(topic);
        }
    }

    /// A statement failed. PostgreSQL gives the whole transaction up then, and would answer a `COMMIT` with success and
    /// a rollback: it must not be taken for a commit.
    pub fn failed(&mut self) {
        self.metrics.database_error("statement");
        self.failed = true;
    }

    /// Count this once the transaction has committed.
    pub fn tally(&mut self, tally: Tally) {
        self.tallies.push(tally);
    }

    /// How much is to be counted so far, for [`Tx::untally`].
    pub(super) const fn tallied(&self) -> usize {
        self.tallies.len()
    }

    /// What came after `tallied` did not happen.
    pub(super) fn untally(&mut self, tallied: usize) {
        self.tallies.truncate(tallied);
    }

    /// What is to be counted, once that has happened.
    pub(super) fn take_tallies(&mut self) -> Vec<Tally> {
        std::mem::take(&mut self.tallies)
    }

    pub(super) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn raised(&self) -> &[Topic] {
        &self.raised
    }

    pub(super) fn into_link(self) -> Link {
        self.link
    }

    pub(super) async fn set_clock(&mut self, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE test_clock SET now_ms = $1";
        on_tx!(self, |conn| sqlx::query(SQL)
            .bind(now)
            .execute(conn)
            .await
            .map(drop))?;
        for topic in Topic::ALL {
            self.raise(topic);
        }
        Ok(())
    }

    /// Forget the moment of the last transaction, and hand over the topics it raised.
    pub(super) fn next_transaction(&mut self) -> Vec<Topic> {
        self.now = None;
        self.failed = false;
        std::mem::take(&mut self.raised)
    }
}
