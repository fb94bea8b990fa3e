use super::count;
use crate::domain::{Pool, Timestamp, WorkerId};
use crate::store::{StoreError, Tx, on_tx};
use std::time::Duration;

/// What a worker last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Which.
    pub worker_id: WorkerId,
    /// Whose conversations it may have.
    pub pool: Pool,
    /// `active`, `draining` or `stopped`.
    pub status: String,
    /// Conversations it had.
    pub load: u32,
    /// When it was first heard of.
    pub started_at: Timestamp,
    /// How long ago it was last heard of.
    pub heartbeat_age: Duration,
}

#[derive(sqlx::FromRow)]
struct Row {
    worker_id: WorkerId,
    pool: Pool,
    status: String,
    load: i64,
    started_at: Timestamp,
    heartbeat_at: Timestamp,
}

/// Workers by their ids, those of `pool` alone where one is named; at most `limit`, those after `after` where one is
/// named.
///
/// # Errors
/// Where the database fails.
pub async fn workers(
    tx: &mut Tx,
    pool: Option<&Pool>,
    after: Option<&WorkerId>,
    limit: u32,
) -> Result<Vec<WorkerInfo>, StoreError> {
    const SQL: &str = "
        SELECT worker_id, pool, status, load, started_at, heartbeat_at FROM workers
        WHERE worker_id > $1 AND (CAST($2 AS TEXT) IS NULL OR pool = $2)
        ORDER BY worker_id LIMIT $3";
    let now = tx.now().await?;
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(after.map_or("", WorkerId::as_str))
        .bind(pool)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    let workers = rows.into_iter().map(|row| WorkerInfo {
        worker_id: row.worker_id,
        pool: row.pool,
        status: row.status,
        load: count(row.load),
        started_at: row.started_at,
        heartbeat_age: row.heartbeat_at.until(now),
    });
    Ok(workers.collect())
}
