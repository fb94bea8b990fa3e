//! What is kept of messages that have ended, and of attempts that did not end them.

use super::{batch, sql};
use crate::domain::{Fence, LeaseSeal, MessageId, TenantId, WorkerId};
use crate::store::{StoreError, Tx, on_tx};

/// How a message ended.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Under this lease, well.
    Done(LeaseSeal),
    /// By whoever sent it.
    Cancelled,
}

/// Messages have ended: they leave the queue for where finished ones are kept for a while. Their conversations are
/// locked.
pub(super) async fn finish(
    tx: &mut Tx,
    messages: &[(&TenantId, &MessageId, Ending)],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = messages
        .iter()
        .map(|(tenant, message, ending)| match ending {
            Ending::Done(seal) => (tenant, message, "done", Some(seal)),
            Ending::Cancelled => (tenant, message, "cancelled", None),
        })
        .collect();
    let (rows, now) = (batch(&rows)?, tx.now().await?);
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
