use super::rows::{Locked, TurnRow};
use super::{batch, count, sql};
use crate::domain::{Lease, MessageId, Payload, TenantId, Timestamp, TraceId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::HashMap;

/// Why an operation on leased work did nothing.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease has ended, or another worker has the conversation. The worker stops: it may change nothing.
    #[error("the lease is gone; stop working on this message")]
    Lost,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for LeaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a turn begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What the message brings.
    pub payload: Payload,
    /// Follows the message through logs.
    pub trace_id: TraceId,
    /// 1-based.
    pub attempt: u32,
    /// The last attempt's number.
    pub max_attempts: u32,
    /// How many workers were lost while they ran it.
    pub crashes: u32,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
}

/// The conversations' rows with the leased messages, read for a change where `tx` can write, in the order of `leases`,
/// and whether each lease is what holds its conversation. `None` where there is no such message any more.
pub(super) async fn lock_all(
    tx: &mut Tx,
    leases: &[Lease],
) -> Result<Vec<Option<(Locked, bool)>>, StoreError> {
    let rows: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.conversation_id, &lease.message_id))
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(if tx.can_write() { sql::LOCK } else { sql::LOOK });
    let locked: Vec<Locked> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(rows)
        .fetch_all(conn)
        .await)?;
    // After a wait for the rows: a lease that ended meanwhile has ended.
    let now = tx.now().await?;
    let locked: HashMap<_, _> = locked
        .iter()
        .map(|row| {
            (
                (&row.tenant_id, &row.conversation_id, &row.of_message_id),
                row,
            )
        })
        .collect();
    Ok(leases
        .iter()
        .map(|lease| {
            let key = (&lease.tenant_id, &lease.conversation_id, &lease.message_id);
            let row = *locked.get(&key)?;
            let alive = row.lease_token.as_ref() == Some(&lease.seal())
                && row.fence == lease.fence
                && row.agent_key == lease.agent_key
                && row.message_id.as_ref() == Some(&lease.message_id)
                && row.lease_until.is_some_and(|until| until > now);
            Some((row.clone(), alive))
        })
        .collect())
}

/// As [`lock_all`] of one, where a dead lease is an error.
pub(super) async fn lock_alive(tx: &mut Tx, lease: &Lease) -> Result<Locked, LeaseError> {
    let locked = lock_all(tx, std::slice::from_ref(lease)).await?.pop();
    match locked.flatten() {
        Some((locked, true)) => Ok(locked),
        _ => Err(LeaseError::Lost),
    }
}

/// The fence of every read and at-once write of a turn: whether `lease` still holds its conversation. In a transaction
/// that writes it holds it until the end.
///
/// # Errors
/// [`LeaseError::Lost`] where it does not.
pub async fn check(tx: &mut Tx, lease: &Lease) -> Result<(), LeaseError> {
    lock_alive(tx, lease).await.map(drop)
}

/// The turn is about to run: from now on, a lost worker counts as a crash of this message. To be called again
/// with the same lease has no further effect.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn start(tx: &mut Tx, lease: &Lease) -> Result<Started, LeaseError> {
    lock_alive(tx, lease).await?;
    started(tx, &[(&lease.tenant_id, &lease.message_id)]).await?;
    let row: TurnRow = on_tx!(tx, |conn| sqlx::query_as(sql::READ_TURN)
        .bind(&lease.tenant_id)
        .bind(&lease.message_id)
        .fetch_one(conn)
        .await)?;
    Ok(Started {
        payload: serde_json::from_str(&row.payload).map_err(StoreError::corrupt("payload"))?,
        trace_id: row.trace_id,
        attempt: count(row.attempts).saturating_add(1),
        max_attempts: count(row.max_attempts),
        crashes: count(row.crashes),
        enqueued_at: row.enqueued_at,
    })
}

/// These messages' turns run: from now on, a lost worker counts as a crash of theirs. Their conversations are locked.
pub(super) async fn started(
    tx: &mut Tx,
    messages: &[(&TenantId, &MessageId)],
) -> Result<(), StoreError> {
    let (rows, now) = (batch(messages)?, tx.now().await?);
    let statement = tx.sql(sql::STARTED);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
