//! How turns end.

use super::finish::{finish_cancelled, record_attempts};
use super::head::{self, release};
use super::lease::{lock_to_end, lock_to_end_all};
use super::rows::{Ending, Locked, PutBack};
use super::{LeaseError, Policy, Retry, backoff, batch, clipped, count, sql};
use crate::clock::Ids;
use crate::domain::{AgentKey, Lease, LeaseSeal, MessageId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::{Outcome, Tally};
use std::collections::{BTreeSet, HashMap, HashSet};
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
    /// Somebody cancelled it while it ran; its conversation goes on with the next message.
    Cancelled,
}

/// The turn ended well: the message is done, and the next of its conversation may run.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone, unless it was this lease that settled the message.
pub async fn complete(tx: &mut Tx, lease: &Lease) -> Result<Settled, LeaseError> {
    let settled = complete_all(tx, std::slice::from_ref(lease)).await?.pop();
    settled.unwrap_or(Err(LeaseError::Lost))
}

/// Turns ended well, each as [`complete`] says, in about as many statements as one takes. Answers in the order of `leases`; one that is
/// lost stands in no other's way.
///
/// # Errors
/// Where the database fails; then none is settled.
pub async fn complete_all(
    tx: &mut Tx,
    leases: &[Lease],
) -> Result<Vec<Result<Settled, LeaseError>>, StoreError> {
    let locked = lock_to_end_all(tx, leases).await?;
    // By place: a lease that is named again settles nothing, and stores nothing.
    let mut now = vec![false; leases.len()];
    let (mut ended, mut conversations) = (Vec::new(), HashSet::new());
    let mut agents = BTreeSet::new();
    for (found, now) in locked.iter().zip(&mut now) {
        if let Some(locked) = found
            && let Ending {
                tenant_id,
                conversation_id,
                agent_key,
                ..
            } = &locked.ending
            && conversations.insert((tenant_id, conversation_id))
        {
            *now = true;
            ended.push(locked);
            agents.insert((tenant_id, agent_key));
        }
    }
    lock_agents(tx, &agents).await?;
    head::settle(tx, &ended).await?;
    if !ended.is_empty() {
        tx.raise(Topic::Settled);
        let settled = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        tx.tally(Tally::Settled(Outcome::Done, settled));
    }
    let others: Vec<&Lease> = leases
        .iter()
        .zip(&now)
        .filter_map(|(lease, now)| (!now).then_some(lease))
        .collect();
    // After this batch's own are stored: a lease that is named twice finds itself.
    let before = completed_before(tx, &others).await?;
    Ok(leases
        .iter()
        .zip(now)
        .map(|(lease, now)| {
            if now {
                return Ok(Settled::Now);
            }
            let (tenant, message) = (&lease.tenant_id, &lease.message_id);
            let of = before.get(&(tenant.clone(), message.clone()));
            if of == Some(&lease.seal()) {
                Ok(Settled::AlreadySettled)
            } else {
                Err(LeaseError::Lost)
            }
        })
        .collect())
}

/// One agent's row is locked whenever that is asked for; those of several are in one order.
async fn lock_agents(
    tx: &mut Tx,
    agents: &BTreeSet<(&TenantId, &AgentKey)>,
) -> Result<(), StoreError> {
    if !tx.is_shared() || agents.len() < 2 {
        return Ok(());
    }
    let agents = batch(&agents.iter().collect::<Vec<_>>())?;
    on_tx!(tx, |conn| sqlx::query(sql::LOCK_AGENTS)
        .bind(agents)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// By which leases these leases' messages were completed, as far as they were.
async fn completed_before(
    tx: &mut Tx,
    leases: &[&Lease],
) -> Result<HashMap<(TenantId, MessageId), LeaseSeal>, StoreError> {
    if leases.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.message_id))
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::COMPLETED_BEFORE);
    let before: Vec<(TenantId, MessageId, LeaseSeal)> =
        on_tx!(tx, |conn| sqlx::query_as(statement)
            .bind(rows)
            .fetch_all(conn)
            .await)?;
    Ok(before
        .into_iter()
        .map(|(tenant, message, seal)| ((tenant, message), seal))
        .collect())
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
    let locked = lock_to_end(tx, lease).await?;
    let now = tx.now().await?;
    let attempt = count(locked.attempts).saturating_add(1);
    let error = clipped(error);
    let (tenant, message) = (&lease.tenant_id, &lease.message_id);
    record_attempts(
        tx,
        &[(
            tenant,
            message,
            lease.fence,
            attempt,
            "failed",
            &*error,
            Some(&locked.worker_id),
        )],
    )
    .await?;
    if locked.cancelling == 1 {
        cancel_leased(tx, &locked).await?;
        return Ok(FailOutcome::Cancelled);
    }
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
    release(tx, &[&locked.ending]).await?;
    let (tallied, outcome) = match wait {
        Some(after) => (Outcome::Retried, FailOutcome::Requeued { after }),
        None => (Outcome::DeadLettered, FailOutcome::DeadLettered),
    };
    tx.tally(Tally::Settled(tallied, 1));
    Ok(outcome)
}

/// The worker stops before the turn has ended: the message goes back to its place as if it had not been claimed. One that
/// was cancelled meanwhile ends as that.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn give_back(tx: &mut Tx, lease: &Lease) -> Result<(), LeaseError> {
    let locked = lock_to_end(tx, lease).await?;
    if locked.cancelling == 1 {
        cancel_leased(tx, &locked).await?;
        return Ok(());
    }
    return_unspent(tx, &locked).await?;
    tx.tally(Tally::Settled(Outcome::GivenBack, 1));
    Ok(())
}

/// The message a worker had ends as cancelled; its conversation, which is locked, goes on.
pub(super) async fn cancel_leased(tx: &mut Tx, lease: &Locked) -> Result<(), StoreError> {
    finish_cancelled(tx, &[(&lease.ending.tenant_id, &lease.lease.message_id)]).await?;
    release(tx, &[&lease.ending]).await?;
    tx.raise(Topic::Settled);
    tx.tally(Tally::Settled(Outcome::Cancelled, 1));
    Ok(())
}

/// Back to its place, no attempt spent.
pub(super) async fn return_unspent(tx: &mut Tx, lease: &Locked) -> Result<(), StoreError> {
    release(tx, &[&lease.ending]).await
}

/// Messages back in their places, or given up. Their conversations keep their leases until [`release`].
pub(super) async fn put_back(tx: &mut Tx, rows: &[PutBack<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
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
