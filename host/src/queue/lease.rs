use super::head::Key;
use super::rows::{LeaseRow, Locked, TurnRow};
use super::{batch, count, sql};
use crate::domain::{Lease, Payload, Timestamp, TraceId};
use crate::store::{Columns, Sql, StoreError, Tx, on_tx};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
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

/// Of these leases, locked with their conversations to end them, those that hold theirs, and `None` for the others; in their order.
pub(super) async fn lock_to_end_all(
    tx: &mut Tx,
    leases: &[Lease],
) -> Result<Vec<Option<Locked>>, StoreError> {
    alive(tx, leases, sql::LOCK).await
}

/// As [`lock_to_end_all`] of one; a dead lease is an error.
pub(super) async fn lock_to_end(tx: &mut Tx, lease: &Lease) -> Result<Locked, LeaseError> {
    let locked = lock_to_end_all(tx, std::slice::from_ref(lease)).await?;
    locked.into_iter().next().flatten().ok_or(LeaseError::Lost)
}

/// What a statement finds of these leases' conversations: `Some` where it is the very lease that is named, and it has not ended.
async fn alive<R>(
    tx: &mut Tx,
    leases: &[Lease],
    statement: Sql,
) -> Result<Vec<Option<R>>, StoreError>
where
    R: AsRef<LeaseRow> + Clone + Send + Unpin,
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
{
    let rows = Columns::new()
        .texts(leases.iter().map(|lease| lease.tenant_id.as_str()))
        .texts(leases.iter().map(|lease| lease.conversation_id.as_str()));
    let (statement, asked) = (tx.sql(statement), tx.now_or_ask().await?);
    let found: Vec<R> = on_tx!(tx, |conn| rows
        .to_rows(sqlx::query_as(statement).bind(asked))
        .fetch_all(conn)
        .await)?;
    // After a wait for the last of the rows: a lease that ended meanwhile has ended.
    let Some(now) = found.iter().map(|row| row.as_ref().now).max() else {
        return Ok(vec![None; leases.len()]);
    };
    let now = tx.it_was(now);
    let found: HashMap<_, _> = found
        .iter()
        .map(|row| {
            let LeaseRow {
                tenant_id,
                conversation_id,
                ..
            } = row.as_ref();
            ((tenant_id, conversation_id), row)
        })
        .collect();
    Ok(leases
        .iter()
        .map(|lease| {
            let found = *found.get(&(&lease.tenant_id, &lease.conversation_id))?;
            let row = found.as_ref();
            let alive = row.lease_token == lease.seal()
                && row.fence == lease.fence
                && row.agent_key == lease.agent_key
                && row.message_id == lease.message_id
                && row.lease_until > now;
            alive.then(|| found.clone())
        })
        .collect())
}

/// The fence of every read and at-once write of a turn: whether `lease` still holds its conversation. In a transaction
/// that writes it holds it until the end. No transaction ends a lease ([`super::fail`] and the like) after this: it would lock the
/// conversation behind the lease.
///
/// # Errors
/// [`LeaseError::Lost`] where it does not.
pub async fn check(tx: &mut Tx, lease: &Lease) -> Result<(), LeaseError> {
    let statement = if tx.can_write() {
        sql::LOCK_LEASES
    } else {
        sql::LOOK
    };
    let alive: Vec<Option<LeaseRow>> = alive(tx, std::slice::from_ref(lease), statement).await?;
    match alive.into_iter().next().flatten() {
        Some(_) => Ok(()),
        None => Err(LeaseError::Lost),
    }
}

/// The turn is about to run: from now on, a lost worker counts as a crash of this message. To be called again
/// with the same lease has no further effect.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn start(tx: &mut Tx, lease: &Lease) -> Result<Started, LeaseError> {
    check(tx, lease).await?;
    started(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await?;
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

/// These conversations' turns run: from now on, a lost worker counts as a crash of their messages. Their leases are locked.
pub(super) async fn started(tx: &mut Tx, conversations: &[Key<'_>]) -> Result<(), StoreError> {
    let (rows, now) = (batch(conversations)?, tx.now().await?);
    let statement = tx.sql(sql::STARTED);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
