use super::lane::{lock, take_back};
use super::{LaneLease, Policy, sql};
use crate::clock::Ids;
use crate::domain::OutboxId;
use crate::queue::{LeaseError, Retry, backoff, clipped, count};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::{Delivery, Tally};
use std::time::Duration;

/// What a report of a delivery found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The row is settled now.
    Now,
    /// It was settled before; nothing was changed.
    AlreadySettled,
}

/// What became of a row that could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again, and its lane waits with it. The lane's lease is over.
    Retrying {
        /// Not before this long from now.
        after: Duration,
    },
    /// It was given up; the lane goes on, under the same lease while rows are left.
    GaveUp,
    /// It was settled before; nothing was changed.
    AlreadySettled,
}

/// A row arrived. Where it was the last one pending, the lane's lease is over.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone and the row not settled.
pub async fn delivered(
    tx: &mut Tx,
    lease: &LaneLease,
    outbox_id: &OutboxId,
    provider_message_id: Option<&str>,
) -> Result<Delivered, LeaseError> {
    if attempts_of_pending(tx, lease, outbox_id).await?.is_none() {
        return Ok(Delivered::AlreadySettled);
    }
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(sql::DELIVERED)
        .bind(&lease.tenant_id)
        .bind(outbox_id)
        .bind(provider_message_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    settled(tx, lease).await?;
    tx.tally(Tally::Delivery(Delivery::Delivered));
    Ok(Delivered::Now)
}

/// A row could not be delivered: `error` says why.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone and the row not settled.
pub async fn failed(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    lease: &LaneLease,
    outbox_id: &OutboxId,
    error: &str,
    retry: Retry,
) -> Result<Failed, LeaseError> {
    let Some(attempts) = attempts_of_pending(tx, lease, outbox_id).await? else {
        return Ok(Failed::AlreadySettled);
    };
    let now = tx.now().await?;
    let attempt = attempts.saturating_add(1);
    let wait = backoff(&policy.retry, retry, attempt, policy.max_attempts, ids)?;
    let (status, settled_at) = match wait {
        Some(_) => ("pending", None),
        None => ("failed", Some(now)),
    };
    let error = clipped(error);
    on_tx!(tx, |conn| sqlx::query(sql::FAILED)
        .bind(&lease.tenant_id)
        .bind(outbox_id)
        .bind(status)
        .bind(&*error)
        .bind(settled_at)
        .execute(conn)
        .await
        .map(drop))?;
    let Some(after) = wait else {
        settled(tx, lease).await?;
        tx.tally(Tally::Delivery(Delivery::Failed));
        return Ok(Failed::GaveUp);
    };
    on_tx!(tx, |conn| sqlx::query(sql::BACK_OFF)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .bind(now.plus(after))
        .execute(conn)
        .await
        .map(drop))?;
    // Whoever sleeps until the next lane falls due may have to sleep less.
    tx.raise(Topic::Outbox);
    tx.tally(Tally::Delivery(Delivery::Retried));
    Ok(Failed::Retrying { after })
}

/// How often the row was tried, where it is pending and `lease` holds its lane; `None` where it is settled.
async fn attempts_of_pending(
    tx: &mut Tx,
    lease: &LaneLease,
    outbox_id: &OutboxId,
) -> Result<Option<u32>, LeaseError> {
    let (row, alive) = lock(tx, lease, Some(outbox_id)).await?;
    match (row.status.as_deref(), row.attempts) {
        (Some("delivered" | "failed"), _) => Ok(None),
        (Some("pending"), Some(attempts)) if alive => Ok(Some(count(attempts))),
        _ => Err(LeaseError::Lost),
    }
}

/// A row was settled: with none left pending, the lane's lease is over.
async fn settled(tx: &mut Tx, lease: &LaneLease) -> Result<(), StoreError> {
    tx.raise(Topic::Settled);
    let left: bool = on_tx!(tx, |conn| sqlx::query_scalar(sql::ANY_PENDING)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .fetch_one(conn)
        .await)?;
    if !left {
        take_back(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await?;
    }
    Ok(())
}
