//! A database of a test's own, with a clock the test sets and rows to begin with.

use crate::postgres;
use agent_factory::clock::Ids;
use agent_factory::config::{DatabaseUrl, Synchronous};
use agent_factory::domain::{
    AgentKey, Channel, ConversationId, Digest, Payload, Pool, Provider, TenantId, Timestamp,
};
use agent_factory::store::{ClockSource, Connection, Connections, Db, StoreError, Tx};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// When every test begins.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// How many connections a test's database has.
pub const CONNECTIONS: Connections = Connections {
    readers: 2,
    writers: 4,
    sqlite_synchronous: Synchronous::Full,
};

/// Run the same sqlx expression on whichever database `$tx` is of.
#[macro_export]
macro_rules! on_either {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx.connection() {
            agent_factory::store::Connection::Sqlite($conn) => $body,
            agent_factory::store::Connection::Postgres($conn) => $body,
        }
    };
}

/// A database that goes with this.
#[derive(Debug)]
pub struct TestDatabase {
    /// The database.
    pub db: Db,
    /// Ids that are the same in every run.
    pub ids: Ids,
    url: DatabaseUrl,
    now: Mutex<Timestamp>,
    place: Place,
}

/// Who has messages in a database of an older version: nothing of this has changed since the first.
const WHO: &str = "
    INSERT INTO tenants (tenant_id, created_at) VALUES ('acme', 0);
    INSERT INTO artifacts (digest, size_bytes, bytes, created_at)
    VALUES ('0000000000000000000000000000000000000000000000000000000000000000', 0, '', 0);
    INSERT INTO agent_profiles (tenant_id, agent_key, pool, version, enabled, engine_name, engine_digest, time_zone,
        runtime_config, secrets_ref, held_reason, held_at, created_at, updated_at) VALUES
    ('acme', 'support', 'default', 1, 1, 'offline', '0000000000000000000000000000000000000000000000000000000000000000',
        'UTC', '{}', '[]', NULL, NULL, 0, 0),
    ('acme', 'held', 'default', 1, 1, 'offline', '0000000000000000000000000000000000000000000000000000000000000000',
        'UTC', '{}', '[]', 'no key', 0, 0, 0);";

/// The migrations that make the schema, step by step.
async fn migrations(database: &str) -> Migrator {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/migrations");
    let migrator = Migrator::new(Path::new(folder).join(database)).await;
    migrator.expect("migrations")
}

/// Where a database is; dropped with it.
#[derive(Debug)]
enum Place {
    Folder(#[expect(dead_code, reason = "kept to be dropped")] tempfile::TempDir),
    Server(postgres::Database),
}

impl TestDatabase {
    /// An empty SQLite database, its clock at [`EPOCH`].
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("test.sqlite");
        Self::open(DatabaseUrl::Sqlite(path), Place::Folder(folder)).await
    }

    /// An empty PostgreSQL database, its clock at [`EPOCH`]; none where there is no server.
    pub async fn postgres() -> Option<Self> {
        let database = postgres::Database::create().await?;
        Some(Self::open(database.parsed_url(), Place::Server(database)).await)
    }

    /// As [`TestDatabase::sqlite`], from a database that `version` of the schema was filled in with `rows`, statements as they are. Its
    /// tenant is `acme`, with the agents `support`, and `held`, which waits for `no key`.
    pub async fn sqlite_of(version: i64, rows: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("test.sqlite");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let mut conn = options.connect().await.expect("a new database");
        let migrated = migrations("sqlite").await;
        migrated.run_to(version, &mut conn).await.expect("a schema");
        for statements in [WHO, rows] {
            let filled = conn.execute(sqlx::AssertSqlSafe(statements.to_owned()));
            filled.await.expect("rows");
        }
        conn.close().await.expect("a closed database");
        Self::open(DatabaseUrl::Sqlite(path), Place::Folder(folder)).await
    }

    /// As [`TestDatabase::sqlite_of`], on PostgreSQL; none where there is no server.
    pub async fn postgres_of(version: i64, rows: &str) -> Option<Self> {
        let database = postgres::Database::empty().await?;
        let mut conn = sqlx::PgConnection::connect(database.url())
            .await
            .expect("a server that answers");
        let migrated = migrations("postgres").await;
        migrated.run_to(version, &mut conn).await.expect("a schema");
        for statements in [WHO, rows] {
            let filled = conn.execute(sqlx::AssertSqlSafe(statements.to_owned()));
            filled.await.expect("rows");
        }
        conn.close().await.expect("a server that answers");
        Some(Self::open(database.parsed_url(), Place::Server(database)).await)
    }

    /// As autovacuum does, now: dead rows go, and the planner knows what there is. On PostgreSQL.
    pub async fn vacuum(&self) {
        if let Place::Server(database) = &self.place {
            database.vacuum().await;
        }
    }

    async fn open(url: DatabaseUrl, place: Place) -> Self {
        Self {
            db: Self::connect(&url).await,
            ids: Ids::seeded(1),
            url,
            now: Mutex::new(EPOCH),
            place,
        }
    }

    async fn connect(url: &DatabaseUrl) -> Db {
        let db = Db::open(url, CONNECTIONS, ClockSource::Test);
        db.await.expect("a new database")
    }

    /// The same database, opened as another process would.
    pub async fn another(&self) -> Db {
        Self::connect(&self.url).await
    }

    /// The moment the clock shows.
    pub fn now(&self) -> Timestamp {
        *self.now.lock().expect("no test panics holding it")
    }

    /// Set the clock, forward or back.
    pub async fn set_clock(&self, now: Timestamp) {
        *self.now.lock().expect("no test panics holding it") = now;
        self.db.set_clock(now).await.expect("a test clock");
    }

    /// Let time pass.
    pub async fn advance(&self, by: Duration) {
        self.set_clock(self.now().plus(by)).await;
    }

    /// An agent of a tenant, both made where there are none, in the default pool.
    pub async fn agent(&self, tenant: &str, agent: &str) -> (TenantId, AgentKey) {
        self.agent_in(tenant, agent, &Pool::default()).await
    }

    /// An agent of a tenant, both made where there are none.
    pub async fn agent_in(&self, tenant: &str, agent: &str, pool: &Pool) -> (TenantId, AgentKey) {
        let tenant: TenantId = tenant.parse().expect("a tenant id");
        let agent: AgentKey = agent.parse().expect("an agent key");
        let (t, a, pool) = (tenant.clone(), agent.clone(), pool.clone());
        self.write(move |tx| Box::pin(async move { seed_agent(tx, &t, &a, &pool).await }))
            .await;
        (tenant, agent)
    }

    /// Run a statement as it is, for what no operation does.
    pub async fn execute(&self, sql: &'static str) -> u64 {
        self.write(move |tx| Box::pin(async move { Ok(execute(tx, sql).await?) }))
            .await
    }

    /// One number from one statement.
    pub async fn number(&self, sql: &'static str) -> i64 {
        self.write(move |tx| {
            Box::pin(async move {
                let number = on_either!(tx, |conn| sqlx::query_scalar(sql).fetch_one(conn).await);
                Ok(number?)
            })
        })
        .await
    }

    /// How SQLite runs a statement: one line a step.
    pub async fn plan(&self, sql: &'static str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        self.write(move |tx| {
            Box::pin(async move {
                let Connection::Sqlite(conn) = tx.connection() else {
                    return Ok(String::new());
                };
                let rows: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sql).fetch_all(conn).await?;
                Ok(rows
                    .into_iter()
                    .map(|row| row.3)
                    .collect::<Vec<_>>()
                    .join("\n"))
            })
        })
        .await
    }

    /// How PostgreSQL runs a statement whatever its arguments are, where it can do without walking a table: one line
    /// a step.
    pub async fn generic_plan(&self, sql: &'static str) -> String {
        const SETTINGS: [&str; 2] = [
            "SET LOCAL enable_seqscan = off",
            "SET LOCAL plan_cache_mode = force_generic_plan",
        ];
        let arguments = (1..20).filter(|number| sql.contains(&format!("${number}")));
        let nulls = vec!["NULL"; arguments.count()].join(", ");
        let explain = match nulls.as_str() {
            "" => "EXPLAIN EXECUTE looked_at".to_owned(),
            nulls => format!("EXPLAIN EXECUTE looked_at({nulls})"),
        };
        self.write(move |tx| {
            Box::pin(async move {
                let Connection::Postgres(conn) = tx.connection() else {
                    return Ok(String::new());
                };
                for setting in SETTINGS {
                    conn.execute(setting).await?;
                }
                let prepare = format!("PREPARE looked_at AS {sql}");
                conn.execute(sqlx::AssertSqlSafe(prepare)).await?;
                let rows = conn.fetch_all(sqlx::AssertSqlSafe(explain)).await?;
                conn.execute("DEALLOCATE looked_at").await?;
                let steps = rows.iter().map(|row| row.try_get::<String, _>(0));
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("\n"))
            })
        })
        .await
    }

    async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> agent_factory::store::Work<'t, T, StoreError>
            + Send
            + 'static,
    {
        self.db
            .write(work)
            .await
            .expect("a write of the test itself")
    }
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<u64, sqlx::Error> {
    on_either!(tx, |conn| sqlx::query(sql)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}

/// An agent of a tenant, both made where there are none, whose engine nobody can run.
///
/// # Errors
/// Where the database fails.
pub async fn seed_agent(
    tx: &mut Tx,
    tenant: &TenantId,
    agent: &AgentKey,
    pool: &Pool,
) -> Result<(), StoreError> {
    const ENGINE: &[u8] = b"an engine nobody runs";
    let digest = Digest::of(ENGINE);
    on_either!(tx, |conn| sqlx::query(
        "INSERT INTO tenants (tenant_id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .execute(conn)
    .await
    .map(drop))?;
    on_either!(tx, |conn| sqlx::query(
        "INSERT INTO artifacts (digest, size_bytes, bytes, created_at) VALUES ($1, $2, $3, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(digest.to_string())
    .bind(i64::try_from(ENGINE.len()).unwrap_or(0))
    .bind(ENGINE)
    .execute(conn)
    .await
    .map(drop))?;
    on_either!(tx, |conn| {
        sqlx::query(
        "INSERT INTO agent_profiles (tenant_id, agent_key, pool, version, enabled, engine_name, engine_digest,
             time_zone, runtime_config, secrets_ref, created_at, updated_at)
         VALUES ($1, $2, $3, 1, 1, 'offline', $4, 'UTC', '{}', '[]', 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(agent)
    .bind(pool)
    .bind(digest.to_string())
    .execute(conn)
    .await
    .map(drop)
    })?;
    Ok(())
}

/// A payload that says `text` and is answered by way of the API.
pub fn payload(text: &str) -> Payload {
    Payload {
        provider: Provider::Api,
        provider_user_id: "someone".to_owned(),
        message_text: text.to_owned(),
        external_message_id: None,
        reply_to: Channel::Api,
        metadata: BTreeMap::new(),
    }
}

/// A conversation's id.
pub fn conversation(id: &str) -> ConversationId {
    id.parse().expect("a conversation id")
}

/// Stamp each case once for every database we run on, one module a database. A case is given an empty database.
#[macro_export]
macro_rules! store_cases {
    ($(async fn $case:ident($database:ident) $body:block)+) => {
        $(
            async fn $case($database: $crate::database::TestDatabase) $body
        )+

        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($crate::database::TestDatabase::sqlite().await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(database) = $crate::database::TestDatabase::postgres().await {
                        super::$case(database).await;
                    }
                }
            )+
        }
    };
}
