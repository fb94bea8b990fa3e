//! A database of a test's own, with a clock the test sets and rows to begin with.

use agent_factory::clock::Ids;
use agent_factory::domain::{
    AgentKey, Channel, ConversationId, Digest, Payload, Pool, Provider, TenantId, Timestamp,
};
use agent_factory::store::{ClockSource, Connection, Db, StoreError, Tx};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// When every test begins.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A database in a folder that goes with it.
#[derive(Debug)]
pub struct TestDatabase {
    /// The database.
    pub db: Db,
    /// Ids that are the same in every run.
    pub ids: Ids,
    now: Mutex<Timestamp>,
    _folder: tempfile::TempDir,
}

impl TestDatabase {
    /// An empty SQLite database, its clock at [`EPOCH`].
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("test.sqlite");
        let db = Db::open_sqlite(&path, 2, ClockSource::Test)
            .await
            .expect("a new database");
        Self {
            db,
            ids: Ids::seeded(1),
            now: Mutex::new(EPOCH),
            _folder: folder,
        }
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
                let Connection::Sqlite(conn) = tx.connection();
                Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
            })
        })
        .await
    }

    /// How the database runs a statement: one line a step.
    pub async fn plan(&self, sql: &'static str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        self.write(move |tx| {
            Box::pin(async move {
                let Connection::Sqlite(conn) = tx.connection();
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
    let Connection::Sqlite(conn) = tx.connection();
    Ok(sqlx::query(sql).execute(conn).await?.rows_affected())
}

async fn seed_agent(
    tx: &mut Tx,
    tenant: &TenantId,
    agent: &AgentKey,
    pool: &Pool,
) -> Result<(), StoreError> {
    const ENGINE: &[u8] = b"an engine nobody runs";
    let digest = Digest::of(ENGINE);
    let Connection::Sqlite(conn) = tx.connection();
    sqlx::query(
        "INSERT INTO tenants (tenant_id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO artifacts (digest, size_bytes, bytes, created_at) VALUES ($1, $2, $3, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(digest.to_string())
    .bind(i64::try_from(ENGINE.len()).unwrap_or(0))
    .bind(ENGINE)
    .execute(&mut *conn)
    .await?;
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
    .await?;
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
    };
}
