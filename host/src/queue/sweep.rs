use super::finish::{finish_cancelled, record_attempts};
use super::head::{pass, release};
use super::hold::let_go;
use super::rows::{Expired, WorkOfTime};
use super::settle::put_back;
use super::{Policy, Retry, backoff, count, sql};
use crate::clock::Ids;
use crate::domain::{ConversationId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::{Outcome, Tally};

/// Kept with a message whose worker was lost for the last time.
const LOST: &str = "the worker was lost while it ran this message";

/// What a sweep did, and whether it stopped at a bound with more to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Conversations whose head fell due.
    pub promoted: u64,
    /// Leases that had ended.
    pub expired: u64,
    /// Of those, messages that are dead letters now.
    pub dead_lettered: u64,
    /// Conversations of resumed agents that may run again; an agent that had none waiting counts as one.
    pub resumed: u64,
    /// Sweep again at once.
    pub more: bool,
}

/// Do what time does by itself: let heads fall due, take back work whose lease has ended, let resumed agents'
/// conversations go. Every claim does so first, so what fell due while no worker was there is done by the first that
/// comes. Bounded by the policy's `promote_batch` and `sweep_batch`.
///
/// # Errors
/// Where the database fails.
pub async fn sweep(tx: &mut Tx, policy: &Policy, ids: &Ids) -> Result<Swept, StoreError> {
    let now = tx.now().await?;
    let work: WorkOfTime = on_tx!(tx, |conn| sqlx::query_as(sql::LOOK_FOR_WORK_OF_TIME)
        .bind(now)
        .fetch_one(conn)
        .await)?;
    sweep_found(tx, policy, ids, &work).await
}

/// As [`sweep`], where somebody has looked already.
pub(super) async fn sweep_found(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    work: &WorkOfTime,
) -> Result<Swept, StoreError> {
    let mut swept = Swept::default();
    if work.due {
        swept.promoted = promote(tx, policy).await?;
    }
    if work.expired {
        expire(tx, policy, ids, &mut swept).await?;
    }
    if work.resuming {
        swept.resumed = let_go(tx, policy).await?;
    }
    swept.more = swept.promoted >= u64::from(policy.promote_batch)
        || swept.expired.max(swept.resumed) >= u64::from(policy.sweep_batch);
    if swept.more {
        tx.raise(Topic::Queue);
    }
    Ok(swept)
}

async fn promote(tx: &mut Tx, policy: &Policy) -> Result<u64, StoreError> {
    let now = tx.now().await?;
    let statement = tx.sql(sql::PROMOTE);
    let promoted: Vec<(TenantId, ConversationId)> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(now)
        .bind(i64::from(policy.promote_batch))
        .fetch_all(conn)
        .await)?;
    let count = u64::try_from(promoted.len()).unwrap_or(u64::MAX);
    if count > 0 {
        let keys: Vec<_> = promoted
            .iter()
            .map(|(tenant, conversation)| (tenant, conversation))
            .collect();
        pass(tx, &keys).await?;
        tx.tally(Tally::Promoted(count));
        tx.raise(Topic::Queue);
    }
    Ok(count)
}

/// A message that had started counts an attempt and a crash, and waits as after any failure, but is given up after the
/// policy's `max_crashes`; one that had not goes back as it was: nothing of it ran.
async fn expire(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    swept: &mut Swept,
) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let statement = tx.sql(sql::EXPIRED);
    let expired: Vec<Expired> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(now)
        .bind(i64::from(policy.sweep_batch))
        .fetch_all(conn)
        .await)?;
    if expired.is_empty() {
        // Another process is at it.
        return Ok(());
    }
    let (mut back, mut ended, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
    for found in &expired {
        let (tenant, message) = (&found.ending.tenant_id, &found.message_id);
        let attempt = count(found.attempts).saturating_add(1);
        if found.started {
            let (fence, worker) = (found.fence, Some(&found.worker_id));
            attempts.push((tenant, message, fence, attempt, "crashed", LOST, worker));
        }
        if found.cancelling == 1 {
            ended.push((tenant, message));
            continue;
        }
        if !found.started {
            continue;
        }
        let crashes = count(found.crashes).saturating_add(1);
        let wait = if crashes >= policy.max_crashes {
            None
        } else {
            let most = count(found.max_attempts);
            backoff(&policy.retry, Retry::Backoff, attempt, most, ids)?
        };
        let error = Some(LOST);
        if let Some(wait) = wait {
            let not_before = Some(now.plus(wait));
            back.push((tenant, message, "queued", 1, 1, not_before, error, None));
        } else {
            back.push((tenant, message, "dead_letter", 1, 1, None, error, Some(now)));
            swept.dead_lettered = swept.dead_lettered.saturating_add(1);
        }
    }
    record_attempts(tx, &attempts).await?;
    put_back(tx, &back).await?;
    finish_cancelled(tx, &ended).await?;
    let endings: Vec<_> = expired.iter().map(|found| &found.ending).collect();
    release(tx, &endings).await?;
    if !ended.is_empty() {
        tx.raise(Topic::Settled);
        let cancelled = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        tx.tally(Tally::Settled(Outcome::Cancelled, cancelled));
    }
    swept.expired = u64::try_from(expired.len()).unwrap_or(u64::MAX);
    tx.tally(Tally::Expired(swept.expired));
    if swept.dead_lettered > 0 {
        tx.tally(Tally::Settled(Outcome::DeadLettered, swept.dead_lettered));
    }
    Ok(())
}
