use super::tx::Link;
use super::writer::Writer;
use super::{ClockSource, Connections, Signals, StoreError, Tx};
use crate::config::Synchronous;
use crate::telemetry::Metrics;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Executor as _, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// Pages that the writer keeps, in the unit of SQLite's `cache_size`: 64 MiB. A claim touches pages all over a few indexes, and with
/// the default of 2 MiB reads most of them again.
const WRITER_CACHE: &str = "-65536";

/// As [`WRITER_CACHE`], of each reader: 8 MiB.
const READER_CACHE: &str = "-8192";

/// How long the write-ahead log grows before it is copied into the file, in pages: 16 MiB, so that busy times wait for the disk less
/// often. The default is 4 MiB.
const WAL_PAGES: &str = "4000";

/// Rows that the connection's thread reads before it waits for whoever takes them. The largest batch of a claim is read in one go:
/// with the default of 50 the two threads would wake each other again and again.
const ROWS: usize = 512;

/// An SQLite file: one writer task, a pool of readers.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
    signals: Signals,
    metrics: Metrics,
    clock: ClockSource,
}

impl Sqlite {
    /// How many migrations this version knows.
    pub(super) fn migrations() -> usize {
        MIGRATIONS.iter().count()
    }

    pub(super) async fn open(
        path: &Path,
        connections: Connections,
        clock: ClockSource,
    ) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::Open {
            database: path.display().to_string(),
            reason,
        };
        // WAL lets readers go on beside the writer. FULL, which is the default: an acknowledged write survives a power cut;
        // group commit makes it nearly free.
        let synchronous = match connections.sqlite_synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .row_buffer_size(ROWS)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", WAL_PAGES);
        let lock = lock_for_migration(path)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let mut conn = options
            .connect()
            .await
            .map_err(|error| failed(error.to_string()))?;
        MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if clock == ClockSource::Test {
            create_test_clock(&mut conn).await?;
        }
        drop(lock);
        let pool = SqlitePoolOptions::new()
            .max_connections(connections.readers)
            .connect_with(
                options
                    .pragma("query_only", "ON")
                    .pragma("cache_size", READER_CACHE),
            )
            .await
            .map_err(|error| failed(error.to_string()))?;
        let signals = Signals::default();
        let metrics = Metrics::new();
        let tx = Tx::new(Link::SqliteWriter(conn), clock, metrics.clone());
        let writer = Writer::start(tx, signals.clone());
        Ok(Self {
            writer,
            readers: pool,
            signals,
            metrics,
            clock,
        })
    }

    pub(super) const fn writer(&self) -> &Writer {
        &self.writer
    }

    pub(super) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) async fn reader(&self) -> Result<Tx, StoreError> {
        let conn = self.readers.acquire().await;
        let conn = conn.inspect_err(|_| self.metrics.database_error("begin"))?;
        let metrics = self.metrics.clone();
        Ok(Tx::new(Link::SqliteReader(conn), self.clock, metrics))
    }

    pub(super) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

async fn create_test_clock(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    conn.execute("CREATE TABLE IF NOT EXISTS test_clock (now_ms BIGINT NOT NULL)")
        .await?;
    conn.execute(
        "INSERT INTO test_clock (now_ms) SELECT 1700000000000 WHERE NOT EXISTS (SELECT 1 FROM test_clock)",
    )
    .await?;
    Ok(())
}

/// sqlx takes no lock while it migrates SQLite, so two processes that start at once would both run the same
/// migration. The lock is the file's and goes with the process, however that ends.
async fn lock_for_migration(path: &Path) -> std::io::Result<std::fs::File> {
    let mut lock: PathBuf = path.to_owned();
    lock.as_mut_os_string().push(".migrating");
    let locking = tokio::task::spawn_blocking(move || {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock)?;
        file.lock()?;
        Ok(file)
    });
    locking.await.map_err(std::io::Error::other)?
}
