//! Workers as the control plane knows them.

use super::{ClaimError, sql};
use crate::domain::{Pool, WorkerId};
use crate::store::{StoreError, Tx, on_tx};

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
