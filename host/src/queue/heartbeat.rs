use super::rows::Held;
use super::{Policy, batch, sql};
use crate::domain::{ConversationId, Lease, Pool, TenantId, WorkerId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::HashMap;
use std::time::Duration;

/// What a heartbeat did for one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// It holds.
    Extended {
        /// For this long from now, without another heartbeat.
        lease_for: Duration,
    },
    /// It is gone; the worker stops working on this message.
    Lost,
}

/// A worker of `pool` lives, and goes on with `leases`: each is extended by the policy's `lease`, at most to its deadline.
/// Answers in the order of `leases`.
///
/// # Errors
/// Where the database fails.
pub async fn heartbeat(
    tx: &mut Tx,
    policy: &Policy,
    worker_id: &WorkerId,
    pool: &Pool,
    leases: &[Lease],
) -> Result<Vec<Beat>, StoreError> {
    let beats = extend(tx, policy, leases).await?;
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(sql::WORKER_BEATS)
        .bind(worker_id)
        .bind(i64::try_from(leases.len()).unwrap_or(i64::MAX))
        .bind(now)
        .bind(pool)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(beats)
}

async fn extend(tx: &mut Tx, policy: &Policy, leases: &[Lease]) -> Result<Vec<Beat>, StoreError> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.conversation_id))
        .collect();
    let keys = batch(&keys)?;
    let statement = tx.sql(sql::LEASES);
    let held: Vec<Held> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(keys)
        .fetch_all(conn)
        .await)?;
    let now = tx.now().await?;
    let held: HashMap<(&TenantId, &ConversationId), &Held> = held
        .iter()
        .map(|row| ((&row.tenant_id, &row.conversation_id), row))
        .collect();
    let mut extended = Vec::with_capacity(leases.len());
    let mut beats = Vec::with_capacity(leases.len());
    for lease in leases {
        let row = held.get(&(&lease.tenant_id, &lease.conversation_id));
        let alive = row.filter(|row| {
            row.lease_token == lease.seal()
                && row.fence == lease.fence
                && row.agent_key == lease.agent_key
                && row.message_id == lease.message_id
                && row.lease_until > now
        });
        beats.push(alive.map_or(Beat::Lost, |row| {
            let until = now.plus(policy.lease).min(row.lease_deadline);
            extended.push((&lease.tenant_id, &lease.conversation_id, until));
            Beat::Extended {
                lease_for: now.until(until),
            }
        }));
    }
    let rows = batch(&extended)?;
    if !extended.is_empty() {
        let statement = tx.sql(sql::EXTEND);
        on_tx!(tx, |conn| sqlx::query(statement)
            .bind(rows)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(beats)
}
