use super::sql;
use crate::domain::{Lease, Payload};
use crate::store::{StoreError, Tx, on_tx};

/// What the leased message brought, whether or not it is settled by now.
///
/// # Errors
/// Where the database fails, or the stored payload cannot be read.
pub async fn payload(tx: &mut Tx, lease: &Lease) -> Result<Payload, StoreError> {
    let payload: String = on_tx!(tx, |conn| sqlx::query_scalar(sql::PAYLOAD)
        .bind(&lease.tenant_id)
        .bind(&lease.message_id)
        .fetch_one(conn)
        .await)?;
    serde_json::from_str(&payload).map_err(StoreError::corrupt("payload"))
}
