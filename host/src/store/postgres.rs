//! PostgreSQL: writes beside each other, reads on connections that cannot write.

use super::announcing::Announcer;
use super::listening::Voice;
use super::tx::Link;
use super::{ClockSource, Connections, Signals, StoreError, Topic, Tx, Work};
use crate::clock::Ids;
use crate::config::PostgresUrl;
use crate::telemetry::Metrics;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument as _;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Whatever the server's default is: the statements are written for this level, where each sees the latest commits.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// A transaction whose process hangs lets its locks go.
///
/// Each statement of a write reads a few rows by an index, whatever the tables hold. So its plan is made once a connection,
/// and never changes to one that reads a table because statistics are old or missing: what a claim costs must not depend on
/// when the tables were last analyzed.
const WRITER: &str = "
    SET idle_in_transaction_session_timeout = '60s';
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET jit = off";
const READER: &str = "SET default_transaction_read_only = on";

/// A PostgreSQL database: a pool of writers, a pool of readers, one connection that listens.
#[derive(Clone, Debug)]
pub struct Postgres {
    writers: PgPool,
    readers: PgPool,
    signals: Signals,
    metrics: Metrics,
    announcer: Announcer,
    clock: ClockSource,
    _listening: Arc<DropGuard>,
    closing: CancellationToken,
}

impl Postgres {
    /// How many migrations this version knows.
    pub(super) fn migrations() -> usize {
        MIGRATIONS.iter().count()
    }

    pub(super) async fn open(
        url: &PostgresUrl,
        connections: Connections,
        clock: ClockSource,
    ) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::Open {
            database: url.to_string(),
            reason,
        };
        let options = PgConnectOptions::from_str(url.reveal())
            .map_err(|_| failed("its address cannot be read".to_owned()))?
            .application_name("agent-factory");
        let unusable = |error: sqlx::Error| failed(error.to_string());
        let mut conn = options.connect().await.map_err(unusable)?;
        // Under an advisory lock of the database: a second process that starts meanwhile waits.
        MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if clock == ClockSource::Test {
            create_test_clock(&mut conn).await?;
        }
        conn.close().await.map_err(unusable)?;
        let writers = pool(connections.writers, WRITER, &options).await;
        let readers = pool(connections.readers, READER, &options).await;
        let (signals, closing) = (Signals::default(), CancellationToken::new());
        let voice = Voice::new(&Ids::system())?;
        tokio::spawn(super::listening::listen(
            options.clone(),
            voice.clone(),
            signals.clone(),
            closing.clone(),
        ));
        let announcer = Announcer::start(options, voice, closing.clone());
        Ok(Self {
            writers: writers.map_err(unusable)?,
            readers: readers.map_err(unusable)?,
            signals,
            metrics: Metrics::new(),
            announcer,
            clock,
            _listening: Arc::new(closing.clone().drop_guard()),
            closing,
        })
    }

    pub(super) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) async fn reader(&self) -> Result<Tx, StoreError> {
        let conn = self.readers.acquire().await;
        let conn = conn.map_err(|error| self.not_begun(error))?;
        let metrics = self.metrics.clone();
        Ok(Tx::new(Link::PostgresReader(conn), self.clock, metrics))
    }

    /// In a task of its own, which a caller that goes away does not stop.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E> + Send + 'static,
    {
        let db = self.clone();
        let task = tokio::spawn(async move { db.run(work).await }.in_current_span());
        match task.await {
            Ok(answer) => answer,
            Err(stopped) => {
                // By a panic, which is that caller's alone, or by the end of the runtime; the server rolls back.
                tracing::error!(%stopped, "a write stopped; it is undone");
                Err(StoreError::Closed.into())
            }
        }
    }

    async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, E>,
    {
        let link = self.writers.begin_with(BEGIN).await;
        let link = link.map_err(|error| self.not_begun(error))?;
        let metrics = self.metrics.clone();
        let mut tx = Tx::new(Link::PostgresWriter(link), self.clock, metrics);
        match work(&mut tx).await {
            Ok(answer) => {
                self.commit(tx).await?;
                Ok(answer)
            }
            Err(error) => {
                // By now, and not when the connection is next used: its locks stand in others' way.
                roll_back(tx).await;
                Err(error)
            }
        }
    }

    async fn commit(&self, mut tx: Tx) -> Result<(), StoreError> {
        if tx.has_failed() {
            roll_back(tx).await;
            let reason = "a statement of it failed".to_owned();
            return Err(StoreError::Transaction(Arc::new(sqlx::Error::Protocol(
                reason,
            ))));
        }
        let raised: Vec<Topic> = tx.raised().to_vec();
        let tallies = tx.take_tallies();
        if let Link::PostgresWriter(link) = tx.into_link() {
            link.commit()
                .await
                .inspect_err(|_| self.metrics.database_error("commit"))
                .map_err(not_committed)?;
        }
        for tally in tallies {
            self.metrics.tally(tally);
        }
        // This process's own waiters hear of it without a detour.
        for topic in &raised {
            self.signals.raise(*topic);
        }
        self.announcer.announce(&raised);
        Ok(())
    }

    fn not_begun(&self, error: sqlx::Error) -> StoreError {
        self.metrics.database_error("begin");
        not_begun(error)
    }

    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.writers.close().await;
        self.readers.close().await;
    }
}

async fn pool(
    most: u32,
    session: &'static str,
    options: &PgConnectOptions,
) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |conn, _| {
            Box::pin(async move { conn.execute(session).await.map(drop) })
        })
        .connect_with(options.clone())
        .await
}

async fn roll_back(tx: Tx) {
    if let Link::PostgresWriter(link) = tx.into_link() {
        // Where even that fails, the connection is gone and the server rolls back.
        link.rollback().await.ok();
    }
}

fn not_begun(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolClosed => StoreError::Closed,
        error => StoreError::Transaction(Arc::new(error)),
    }
}

/// What the server itself answers is a refusal; with anything else nobody knows.
fn not_committed(error: sqlx::Error) -> StoreError {
    match error {
        error @ sqlx::Error::Database(_) => StoreError::Transaction(Arc::new(error)),
        error => StoreError::Uncertain(Arc::new(error)),
    }
}

async fn create_test_clock(conn: &mut PgConnection) -> Result<(), StoreError> {
    // Under a lock, since others may open the database at the same moment.
    conn.execute(
        "BEGIN;
        SELECT pg_advisory_xact_lock(1);
        CREATE TABLE IF NOT EXISTS test_clock (now_ms BIGINT NOT NULL);
        INSERT INTO test_clock (now_ms) SELECT 1700000000000 WHERE NOT EXISTS (SELECT 1 FROM test_clock);
        CREATE OR REPLACE FUNCTION clock_ms() RETURNS BIGINT LANGUAGE SQL AS 'SELECT now_ms FROM test_clock';
        COMMIT",
    )
    .await?;
    Ok(())
}
