use super::{batch, sql};
use crate::domain::{Lease, MessageId, Payload, TenantId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::HashMap;

/// What leased messages brought, in the order of `leases`; none where one has finished.
///
/// # Errors
/// Where the database fails, or a stored payload cannot be read.
pub async fn payloads(tx: &mut Tx, leases: &[Lease]) -> Result<Vec<Option<Payload>>, StoreError> {
    let rows: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.message_id))
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::PAYLOADS);
    let payloads: Vec<(TenantId, MessageId, String)> =
        on_tx!(tx, |conn| sqlx::query_as(statement)
            .bind(rows)
            .fetch_all(conn)
            .await)?;
    let payloads: HashMap<_, _> = payloads
        .iter()
        .map(|(tenant, message, payload)| ((tenant, message), payload))
        .collect();
    leases
        .iter()
        .map(|lease| {
            let payload = payloads.get(&(&lease.tenant_id, &lease.message_id));
            let payload = payload.map(|text| serde_json::from_str(text));
            payload.transpose().map_err(StoreError::corrupt("payload"))
        })
        .collect()
}
