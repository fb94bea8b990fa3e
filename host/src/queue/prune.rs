use super::sql;
use crate::store::{StoreError, Tx, on_tx};
use std::time::Duration;

/// Forget workers that have not been heard of for `unheard` or longer, those unheard for longest first, at most `most`;
/// answers how many. One that comes back after all is made anew by its next claim.
///
/// # Errors
/// Where the database fails.
pub async fn prune_workers(tx: &mut Tx, unheard: Duration, most: u32) -> Result<u64, StoreError> {
    let before = tx.now().await?.minus(unheard);
    let statement = tx.sql(sql::PRUNE_WORKERS);
    Ok(on_tx!(tx, |conn| sqlx::query(statement)
        .bind(before)
        .bind(i64::from(most))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
