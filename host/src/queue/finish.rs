//! What is kept of messages that have ended, and of attempts that did not end them.

use super::rows::Locked;
use super::{batch, sql};
use crate::domain::{Fence, LeaseSeal, MessageId, TenantId, WorkerId};
use crate::store::{StoreError, Tx, on_tx};

/// Messages are not wanted any more: they leave the queue for where finished ones are kept for a while. Their conversations
/// are locked.
pub(super) async fn finish_cancelled(
    tx: &mut Tx,
    messages: &[(&TenantId, &MessageId)],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = messages
        .iter()
        .map(|(tenant, message)| (tenant, message, "cancelled", None::<LeaseSeal>))
        .collect();
    finish(tx, batch(&rows)?).await
}

/// As [`finish_cancelled`], of messages that were completed under these leases, which [`sql::LOCK`] has found a moment ago.
pub(super) async fn finish_completed(
    tx: &mut Tx,
    messages: &[(&Locked, LeaseSeal)],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = messages
        .iter()
        .map(|(locked, seal)| {
            let (tenant, message) = (&locked.tenant_id, &locked.of_message_id);
            (tenant, message, "done", seal, &locked.row_address)
        })
        .collect();
    let (rows, now) = (batch(&rows)?, tx.now().await?);
    if tx.is_shared() {
        let finished = on_tx!(tx, |conn| sqlx::query(sql::FINISH_AT)
            .bind(&rows)
            .bind(now)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        if finished == u64::try_from(messages.len()).unwrap_or(u64::MAX) {
            return Ok(());
        }
        // Some have moved: a turn was noted to have begun while this transaction waited for the lock. By their keys, then.
    }
    finish(tx, rows).await
}

async fn finish(tx: &mut Tx, rows: String) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let statement = tx.sql(sql::FINISH);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(&rows)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    if !tx.is_shared() {
        on_tx!(tx, |conn| sqlx::query(sql::LEAVE_QUEUE)
            .bind(&rows)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// One row of [`sql::RECORD_ATTEMPTS`]: tenant, message, fence, attempt, outcome, error, worker.
pub(super) type AttemptRow<'a> = (
    &'a TenantId,
    &'a MessageId,
    Fence,
    u32,
    &'static str,
    &'a str,
    Option<&'a WorkerId>,
);

/// Attempts have ended without settling their messages.
pub(super) async fn record_attempts(
    tx: &mut Tx,
    attempts: &[AttemptRow<'_>],
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let (rows, now) = (batch(attempts)?, tx.now().await?);
    let statement = tx.sql(sql::RECORD_ATTEMPTS);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
