use super::lease::started;
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
    /// It holds for as long, but nobody wants the answer any more: the worker stops the turn and gives the message back.
    Cancel {
        /// As above.
        lease_for: Duration,
    },
    /// It is gone; the worker stops working on this message.
    Lost,
}

/// What a heartbeat answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// One a lease, in their order.
    pub beats: Vec<Beat>,
    /// The worker is to finish what it has, claim nothing more, and end.
    pub drain: bool,
}

/// A worker of `pool` lives, and goes on with leases: each is extended by the policy's `lease`, at most to its deadline.
/// With each lease, whether its turn runs: from then on a lost worker is a crash of its message, where that was not known
/// ([`super::start`] says so at once).
///
/// # Errors
/// Where the database fails.
pub async fn heartbeat(
    tx: &mut Tx,
    policy: &Policy,
    worker_id: &WorkerId,
    pool: &Pool,
    leases: &[(Lease, bool)],
) -> Result<Heartbeat, StoreError> {
    let beats = extend(tx, policy, leases).await?;
    let now = tx.now().await?;
    let status: Option<String> = on_tx!(tx, |conn| sqlx::query_scalar(sql::WORKER_BEATS)
        .bind(worker_id)
        .bind(i64::try_from(leases.len()).unwrap_or(i64::MAX))
        .bind(now)
        .bind(pool)
        .fetch_optional(conn)
        .await)?;
    let drain = status.is_some_and(|status| status == "draining");
    Ok(Heartbeat { beats, drain })
}

async fn extend(
    tx: &mut Tx,
    policy: &Policy,
    leases: &[(Lease, bool)],
) -> Result<Vec<Beat>, StoreError> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = leases
        .iter()
        .map(|(lease, _)| (&lease.tenant_id, &lease.conversation_id))
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
    let mut running = Vec::new();
    let mut beats = Vec::with_capacity(leases.len());
    for (lease, runs) in leases {
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
            if *runs {
                running.push((&lease.tenant_id, &lease.conversation_id));
            }
            let lease_for = now.until(until);
            if row.cancelling == 1 {
                Beat::Cancel { lease_for }
            } else {
                Beat::Extended { lease_for }
            }
        }));
    }
    if !extended.is_empty() {
        let rows = batch(&extended)?;
        let statement = tx.sql(sql::EXTEND);
        on_tx!(tx, |conn| sqlx::query(statement)
            .bind(rows)
            .execute(conn)
            .await
            .map(drop))?;
    }
    if !running.is_empty() {
        started(tx, &running).await?;
    }
    Ok(beats)
}
