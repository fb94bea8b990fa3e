//! Receipts: what each invocation of a component cost and said.

use crate::domain::{Lease, Receipt, Timestamp};
use crate::store::{Sql, StoreError, Tx, on_tx};

/// Store the receipts of one attempt, in the order of the invocations. A repeat changes nothing.
///
/// # Errors
/// Where the database does not answer.
pub async fn store(
    tx: &mut Tx,
    lease: &Lease,
    at: Timestamp,
    receipts: &[Receipt],
) -> Result<(), StoreError> {
    // Differs by necessity: the functions of JSON, and that PostgreSQL counts from 1.
    const SQL: Sql = Sql {
        sqlite: "
        INSERT INTO receipts (tenant_id, message_id, fence, ordinal, receipt, created_at)
        SELECT $1, $2, $3, item.key, item.value, $4 FROM json_each($5) AS item WHERE true
        ON CONFLICT DO NOTHING",
        postgres: "
        INSERT INTO receipts (tenant_id, message_id, fence, ordinal, receipt, created_at)
        SELECT $1, $2, $3, item.key - 1, item.value::text, $4
        FROM json_array_elements($5::json) WITH ORDINALITY AS item (value, key)
        ON CONFLICT DO NOTHING",
    };
    if receipts.is_empty() {
        return Ok(());
    }
    let receipts = serde_json::to_string(receipts).map_err(StoreError::corrupt("receipt"))?;
    let statement = tx.sql(SQL);
    on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(&lease.tenant_id)
            .bind(&lease.message_id)
            .bind(lease.fence)
            .bind(at)
            .bind(receipts)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}
