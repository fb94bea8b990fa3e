use super::head::{rehead, rehead_then_write_agent};
use super::lease::{lock, lock_alive};
use super::rows::PutBack;
use super::{LeaseError, Policy, Retry, backoff, batch, clipped, count, sql};
use crate::clock::Ids;
use crate::domain::Lease;
use crate::store::{StoreError, Topic, Tx, on_tx};
use std::time::Duration;

/// What a completion found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The message is settled now. What the turn leaves is to be stored in this transaction.
    Now,
    /// This very lease settled it before, and its answer was lost on the way. There is nothing left to store.
    AlreadySettled,
}

/// What became of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOutcome {
    /// The message is back at its place and runs again.
    Requeued {
        /// Not before this long from now; its conversation waits with it.
        after: Duration,
    },
    /// It is a dead letter; its conversation goes on with the next message.
    DeadLettered,
}

/// The turn ended well: the message is done, and the next of its conversation may run.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone, unless it was this lease that settled the message.
pub async fn complete(tx: &mut Tx, lease: &Lease) -> Result<Settled, LeaseError> {
    let (locked, alive) = lock(tx, lease).await?;
    if !alive {
        let mine = locked.status == "done" && locked.settled_token.as_ref() == Some(&lease.seal());
        return if mine {
            Ok(Settled::AlreadySettled)
        } else {
            Err(LeaseError::Lost)
        };
    }
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(sql::COMPLETE)
        .bind(&lease.tenant_id)
        .bind(&lease.message_id)
        .bind(now)
        .bind(lease.seal())
        .execute(conn)
        .await
        .map(drop))?;
    rehead_then_write_agent(tx, (&lease.tenant_id, &lease.conversation_id)).await?;
    tx.raise(Topic::Settled);
    Ok(Settled::Now)
}

/// The turn failed: `error` says how, in words for whoever reads the dead letters.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn fail(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    lease: &Lease,
    error: &str,
    retry: Retry,
) -> Result<FailOutcome, LeaseError> {
    let locked = lock_alive(tx, lease).await?;
    let now = tx.now().await?;
    let attempt = count(locked.attempts).saturating_add(1);
    let wait = backoff(
        &policy.retry,
        retry,
        attempt,
        count(locked.max_attempts),
        ids,
    )?;
    let (status, not_before, finished_at) = match wait {
        Some(wait) => ("queued", Some(now.plus(wait)), None),
        None => ("dead_letter", None, Some(now)),
    };
    let (tenant, message) = (&lease.tenant_id, &lease.message_id);
    let error = clipped(error);
    let row = (
        tenant,
        message,
        status,
        1,
        0,
        not_before,
        Some(&*error),
        finished_at,
    );
    put_back(tx, &[row]).await?;
    rehead(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await?;
    Ok(match wait {
        Some(after) => FailOutcome::Requeued { after },
        None => FailOutcome::DeadLettered,
    })
}

/// The worker stops before the turn has ended: the message goes back to its place as if it had not been claimed.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn give_back(tx: &mut Tx, lease: &Lease) -> Result<(), LeaseError> {
    lock_alive(tx, lease).await?;
    return_unspent(tx, lease).await?;
    Ok(())
}

/// Back to its place, no attempt spent.
pub(super) async fn return_unspent(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let (tenant, message) = (&lease.tenant_id, &lease.message_id);
    put_back(tx, &[(tenant, message, "queued", 0, 0, None, None, None)]).await?;
    rehead(tx, &[(&lease.tenant_id, &lease.conversation_id)]).await
}

/// Messages back in their places, or given up. Their conversations keep their leases until [`rehead`].
pub(super) async fn put_back(tx: &mut Tx, rows: &[PutBack<'_>]) -> Result<(), StoreError> {
    let batch = batch(rows)?;
    let statement = tx.sql(sql::PUT_BACK);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(batch)
        .execute(conn)
        .await
        .map(drop))?;
    if rows.iter().any(|(.., finished_at)| finished_at.is_some()) {
        tx.raise(Topic::Settled);
    }
    Ok(())
}
