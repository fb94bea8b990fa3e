use super::rows::{Locked, TurnRow};
use super::{count, sql};
use crate::domain::{Lease, Payload, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

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
    pub trace_id: String,
    /// 1-based.
    pub attempt: u32,
    /// The last attempt's number.
    pub max_attempts: u32,
    /// How many workers were lost while they ran it.
    pub crashes: u32,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
}

/// The conversation's row, read for a change where `tx` can write, and whether `lease` is what holds it.
pub(super) async fn lock(tx: &mut Tx, lease: &Lease) -> Result<(Locked, bool), LeaseError> {
    let statement = if tx.can_write() {
        tx.sql(sql::LOCK)
    } else {
        sql::LOOK
    };
    let locked: Option<Locked> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .bind(&lease.message_id)
        .fetch_optional(conn)
        .await)?;
    // After a wait for the row: a lease that ended meanwhile has ended.
    let now = tx.now().await?;
    let locked = locked.ok_or(LeaseError::Lost)?;
    let alive = locked.lease_token.as_ref() == Some(&lease.seal())
        && locked.fence == lease.fence
        && locked.agent_key == lease.agent_key
        && locked.leased_message_id.as_ref() == Some(&lease.message_id)
        && locked.lease_until.is_some_and(|until| until > now);
    Ok((locked, alive))
}

/// As [`lock`], where a dead lease is an error.
pub(super) async fn lock_alive(tx: &mut Tx, lease: &Lease) -> Result<Locked, LeaseError> {
    match lock(tx, lease).await? {
        (locked, true) => Ok(locked),
        (_, false) => Err(LeaseError::Lost),
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
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(sql::START)
        .bind(&lease.tenant_id)
        .bind(&lease.message_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
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
