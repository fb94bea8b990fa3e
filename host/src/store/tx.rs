use super::{ClockSource, StoreError, Topic};
use crate::domain::Timestamp;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

/// What a closure handed to [`super::Db::write`] gives back.
pub type Work<'t, T, E> = BoxFuture<'t, Result<T, E>>;

/// Where statements run: a transaction, or a connection that only reads.
#[derive(Debug)]
pub struct Tx {
    link: Link,
    clock: ClockSource,
    now: Option<Timestamp>,
    raised: Vec<Topic>,
}

#[derive(Debug)]
enum Link {
    SqliteWriter(SqliteConnection),
    SqliteReader(PoolConnection<Sqlite>),
}

/// A borrowed connection, for the `on_tx!` macro of this module to match on.
#[derive(Debug)]
pub enum Connection<'t> {
    /// To SQLite.
    Sqlite(&'t mut SqliteConnection),
}

/// Run the same sqlx expression on whichever database `$tx` is of.
macro_rules! on_tx {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx.connection() {
            $crate::store::Connection::Sqlite($conn) => $body,
        }
    };
}
pub(crate) use on_tx;

/// The database's clock, in milliseconds of the Unix epoch.
const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const TEST_NOW: &str = "SELECT now_ms FROM test_clock";

impl Tx {
    pub(super) const fn writer(conn: SqliteConnection, clock: ClockSource) -> Self {
        Self {
            link: Link::SqliteWriter(conn),
            clock,
            now: None,
            raised: Vec::new(),
        }
    }

    pub(super) const fn reader(conn: PoolConnection<Sqlite>, clock: ClockSource) -> Self {
        Self {
            link: Link::SqliteReader(conn),
            clock,
            now: None,
            raised: Vec::new(),
        }
    }

    /// The connection, for `on_tx!`.
    pub fn connection(&mut self) -> Connection<'_> {
        match &mut self.link {
            Link::SqliteWriter(conn) => Connection::Sqlite(conn),
            Link::SqliteReader(conn) => Connection::Sqlite(conn),
        }
    }

    /// The moment of this transaction: the same for all its statements.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn now(&mut self) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let sql = match self.clock {
            ClockSource::Database => NOW,
            ClockSource::Test => TEST_NOW,
        };
        let now = on_tx!(self, |conn| sqlx::query_scalar(sql).fetch_one(conn).await)?;
        self.now = Some(now);
        Ok(now)
    }

    /// Once this transaction has committed, tell those who wait for `topic` to look.
    pub fn raise(&mut self, topic: Topic) {
        if !self.raised.contains(&topic) {
            self.raised.push(topic);
        }
    }

    pub(super) async fn set_clock(&mut self, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE test_clock SET now_ms = $1";
        on_tx!(self, |conn| sqlx::query(SQL).bind(now).execute(conn).await)?;
        for topic in [Topic::Queue, Topic::Outbox, Topic::Settled] {
            self.raise(topic);
        }
        Ok(())
    }

    /// Forget the moment of the last transaction, and hand over the topics it raised.
    pub(super) fn next_transaction(&mut self) -> Vec<Topic> {
        self.now = None;
        std::mem::take(&mut self.raised)
    }
}
