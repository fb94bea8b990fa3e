use super::rows::Locked;
use super::{Policy, sql};
use crate::domain::{ConversationId, Fence, LeaseToken, OutboxId, Pool, TenantId};
use crate::queue::{Beat, LeaseError, batch};
use crate::store::{StoreError, Topic, Tx, on_tx};
use serde::{Deserialize, Serialize};

/// The right to deliver the replies of one conversation, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaneLease {
    /// The pool it was claimed for; on its way in, what a worker's token opens.
    pub pool: Pool,
    /// Whose.
    pub tenant_id: TenantId,
    /// The conversation whose replies these are.
    pub conversation_id: ConversationId,
    /// Proof of this claim.
    pub token: LeaseToken,
    /// Number of this claim.
    pub fence: Fence,
}

/// The lane's row, read for a change, with one of its rows, and whether `lease` is what holds it.
pub(super) async fn lock(
    tx: &mut Tx,
    lease: &LaneLease,
    outbox_id: Option<&OutboxId>,
) -> Result<(Locked, bool), LeaseError> {
    lock_lanes(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await?;
    look(tx, lease, outbox_id).await
}

/// Nobody else changes these lanes before this transaction has ended. Free on SQLite.
async fn lock_lanes(tx: &mut Tx, lanes: &[(&TenantId, &ConversationId)]) -> Result<(), StoreError> {
    if tx.is_shared() {
        let lanes = batch(lanes)?;
        on_tx!(tx, |conn| sqlx::query(sql::LOCK_LANES)
            .bind(lanes)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}

async fn look(
    tx: &mut Tx,
    lease: &LaneLease,
    outbox_id: Option<&OutboxId>,
) -> Result<(Locked, bool), LeaseError> {
    // After a wait for the row: a lease that ended meanwhile has ended.
    let now = tx.now().await?;
    let locked: Option<Locked> = on_tx!(tx, |conn| sqlx::query_as(sql::LOCK)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .bind(outbox_id)
        .fetch_optional(conn)
        .await)?;
    let locked = locked.ok_or(LeaseError::Lost)?;
    let alive = locked.lease_token.as_ref() == Some(&lease.token.sealed(&lease.pool))
        && locked.fence == lease.fence
        && locked.lease_until.is_some_and(|until| until > now);
    Ok((locked, alive))
}

/// A deliverer goes on with `leases`: each is extended by the policy's `lease`, at most to its deadline. Answers in the
/// order of `leases`.
///
/// # Errors
/// Where the database fails.
pub async fn extend(
    tx: &mut Tx,
    policy: &Policy,
    leases: &[LaneLease],
) -> Result<Vec<Beat>, StoreError> {
    let lanes: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.conversation_id))
        .collect();
    lock_lanes(tx, &lanes).await?;
    let now = tx.now().await?;
    let mut beats = Vec::with_capacity(leases.len());
    for lease in leases {
        let deadline = match look(tx, lease, None).await {
            Ok((locked, true)) => locked.lease_deadline,
            Ok((_, false)) | Err(LeaseError::Lost) => None,
            Err(LeaseError::Store(error)) => return Err(error),
        };
        let Some(deadline) = deadline else {
            beats.push(Beat::Lost);
            continue;
        };
        let until = now.plus(policy.lease).min(deadline);
        on_tx!(tx, |conn| sqlx::query(sql::EXTEND)
            .bind(&lease.tenant_id)
            .bind(&lease.conversation_id)
            .bind(until)
            .execute(conn)
            .await
            .map(drop))?;
        beats.push(Beat::Extended {
            lease_for: now.until(until),
        });
    }
    Ok(beats)
}

/// Done with the lane for now: what is left in it can be claimed at once.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone; also once the last row is settled, which ends it by itself.
pub async fn release(tx: &mut Tx, lease: &LaneLease) -> Result<(), LeaseError> {
    let (_, alive) = lock(tx, lease, None).await?;
    if !alive {
        return Err(LeaseError::Lost);
    }
    take_back(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await?;
    Ok(())
}

/// Take lanes' leases away.
pub(super) async fn take_back(
    tx: &mut Tx,
    lanes: &[(&TenantId, &ConversationId)],
) -> Result<(), StoreError> {
    let lanes = batch(lanes)?;
    let now = tx.now().await?;
    let statement = tx.sql(sql::RELEASE);
    let states: Vec<String> = on_tx!(tx, |conn| sqlx::query_scalar(statement)
        .bind(lanes)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    if states.iter().any(|state| state == "ready") {
        tx.raise(Topic::Outbox);
    }
    Ok(())
}
