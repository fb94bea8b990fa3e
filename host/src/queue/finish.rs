//! What is kept of messages that have ended, and of attempts that did not end them.

use super::rows::Locked;
use super::{batch, sql};
use crate::domain::{Fence, MessageId, TenantId, WorkerId};
use crate::store::{Columns, StoreError, Tx, on_tx};

/// Messages are not wanted any more: they leave the queue for where finished ones are kept for a while. Their conversations
/// are locked.
pub(super) async fn finish_cancelled(
    tx: &mut Tx,
    messages: &[(&TenantId, &MessageId)],
) -> Result<(), StoreError> {
    let rows = Columns::new()
        .texts(messages.iter().map(|(tenant, _)| tenant.as_str()))
        .texts(messages.iter().map(|(_, message)| message.as_str()))
        .texts(messages.iter().map(|_| "cancelled"))
        .optional_texts(messages.iter().map(|_| None));
    if !messages.is_empty() {
        finish(tx, &rows).await?;
    }
    Ok(())
}

/// As [`finish_cancelled`], of messages that were completed under these leases, which are locked too. Answers how many there were.
pub(super) async fn finish_completed(tx: &mut Tx, leases: &[&Locked]) -> Result<u64, StoreError> {
    let rows = Columns::new()
        .texts(leases.iter().map(|lease| lease.lease.tenant_id.as_str()))
        .texts(leases.iter().map(|lease| lease.lease.message_id.as_str()))
        .texts(leases.iter().map(|_| "done"))
        .texts(leases.iter().map(|lease| lease.lease.lease_token.as_str()));
    finish(tx, &rows).await
}

/// Answers how many there were.
async fn finish(tx: &mut Tx, rows: &Columns<'_>) -> Result<u64, StoreError> {
    let now = tx.now().await?;
    let statement = tx.sql(sql::FINISH);
    let finished = on_tx!(tx, |conn| rows
        .to(sqlx::query(statement).bind(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if !tx.is_shared() {
        on_tx!(tx, |conn| rows
            .to(sqlx::query(sql::LEAVE_QUEUE))
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(finished)
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
