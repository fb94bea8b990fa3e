use super::sql;
use crate::domain::Pool;
use crate::store::{StoreError, Tx, on_tx};

/// The pools that agents belong to, the first `most` by name. Steps from pool to pool through an index, over none of their
/// agents.
///
/// # Errors
/// Where the database fails.
pub async fn pools(tx: &mut Tx, most: u32) -> Result<Vec<Pool>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(sql::POOLS)
        .bind(i64::from(most))
        .fetch_all(conn)
        .await)?)
}
