//! Workers as the control plane knows them.

use super::{ClaimError, sql};
use crate::domain::{Pool, WorkerId};
use crate::store::{StoreError, Topic, Tx, on_tx};

/// A worker says that it is there, and of which pool. To be called again has no further effect.
///
/// # Errors
/// As [`ClaimError`] says: an id stays in its pool.
pub async fn register(tx: &mut Tx, worker_id: &WorkerId, pool: &Pool) -> Result<(), ClaimError> {
    let now = tx.now().await?;
    let registered: Pool = on_tx!(tx, |conn| sqlx::query_scalar(sql::WORKER_REGISTERS)
        .bind(worker_id)
        .bind(pool)
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(StoreError::from)?;
    if registered == *pool {
        Ok(())
    } else {
        Err(ClaimError::AnotherPool(worker_id.clone()))
    }
}

/// Tell a worker to stop once it has finished what it has: it hears of it with its next heartbeat or claim. Answers whether
/// there is such a worker; one that was told before is told no more.
///
/// # Errors
/// Where the database fails.
pub async fn drain(tx: &mut Tx, worker_id: &WorkerId) -> Result<bool, StoreError> {
    let known = on_tx!(tx, |conn| sqlx::query(sql::DRAIN_WORKER)
        .bind(worker_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    // It may be waiting for work.
    tx.raise(Topic::Queue);
    Ok(known)
}
