use super::head::all_of;
use super::repeat::repeated;
use super::rows::{Candidate, Turn};
use super::sweep::sweep_found;
use super::turns::{Shares, candidates, look, take_turn, tenants_in_turn};
use super::{Policy, count, sql};
use crate::clock::Ids;
use crate::domain::{ClaimTry, Lease, LeaseSeal, LeaseToken, Pool, WorkerId};
use crate::store::{Columns, StoreError, Topic, Tx, on_tx};
use crate::telemetry::Tally;
use std::time::Duration;

/// The most messages of one claim.
pub const MAX_CLAIM: u32 = 512;

/// How often one claim looks for more after conversations it found could not be had, or some tenants had less than
/// their share.
const ROUNDS: usize = 4;

/// Tenants that a round after the first looks at, at least: the first met tenants that had nothing to give.
const LOOK_FURTHER: usize = 64;

/// How long what is known of a worker holds, where it has as much in flight as then.
const LOAD_UNCHANGED: Duration = Duration::from_secs(10);

/// The same, where it has more or less.
const LOAD_CHANGED: Duration = Duration::from_secs(1);

/// A worker asks for work.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Who.
    pub worker_id: WorkerId,
    /// Whose work it may do.
    pub pool: Pool,
    /// The most messages to claim; more than [`MAX_CLAIM`] is taken as that.
    pub max: u32,
    /// Messages the worker has claimed and not settled. Only an idle one (0) is given a suspect.
    pub in_flight: u32,
    /// Makes a claim whose answer may get lost repeatable; none where none can.
    pub claim: Option<ClaimTry>,
}

/// Why a claim gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The worker's id belongs to another pool.
    #[error("the worker id {0} is another pool's; take a new one")]
    AnotherPool(WorkerId),
    /// The database failed, or no token can be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a claim gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// At most one message of a conversation.
    pub claimed: Vec<Claimed>,
    /// A suspect waits for an idle worker, and this one is busy. A worker that sees this finishes what it has and claims again with
    /// nothing in flight; otherwise, in a pool that is never idle, the suspect would wait for ever.
    pub suspects_waiting: bool,
    /// The worker is to finish what it has, claim nothing more, and end.
    pub drain: bool,
    /// A tenant with something ready has as much in flight as it may: what makes room for it raises no signal, so whoever waits
    /// looks again soon.
    pub crowded: bool,
}

/// A message in the worker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The right to work on it.
    pub lease: Lease,
    /// How long that lasts without a heartbeat.
    pub lease_for: Duration,
    /// 1-based.
    pub attempt: u32,
    /// How many workers were lost while they ran it.
    pub crashes: u32,
    /// A worker was lost while it ran this message: it is alone in its batch, and its worker is given nothing beside
    /// it, so that it takes no neighbour down.
    pub suspect: bool,
}

/// Give due messages to a worker: first what time does by itself ([`super::sweep`]), then tenants in turn, of each tenant the
/// highest priority first, and of equal ones what is due longest. One message of a conversation, its head.
///
/// Reads tenants and conversations that are ready, twice as many as asked for at most in each of a few rounds, and none
/// of the messages behind their heads.
///
/// # Errors
/// As [`ClaimError`] says.
pub async fn claim(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    request: &ClaimRequest,
) -> Result<Batch, ClaimError> {
    if let Some(claimed) = repeated(tx, request).await? {
        return Ok(Batch {
            claimed,
            ..Batch::default()
        });
    }
    let mut turn = look(tx, &request.pool, &request.worker_id).await?;
    if turn.work.is_any() {
        sweep_found(tx, policy, ids, &turn.work).await?;
        turn = look(tx, &request.pool, &request.worker_id).await?;
    }
    if turn
        .worker_pool
        .as_ref()
        .is_some_and(|pool| *pool != request.pool)
    {
        return Err(ClaimError::AnotherPool(request.worker_id.clone()));
    }
    if turn.worker_status.as_deref() == Some("draining") {
        return Ok(Batch {
            drain: true,
            ..Batch::default()
        });
    }
    let before = (
        turn.tenant_id.clone(),
        turn.suspect_tenant_id.clone(),
        turn.suspect_last,
    );
    let idle = request.in_flight == 0;
    // A worker that says it is idle is believed: the claim that gave it a suspect may not have reached it.
    let most = if turn.runs_suspect && !idle {
        0
    } else {
        usize::try_from(request.max.min(MAX_CLAIM)).unwrap_or(0)
    };
    let suspects = turn.suspects;
    // Idle workers take suspects and other work by turns: neither kind starves the other.
    let suspect_first = idle && suspects && turn.suspect_last == 0;
    let (mut claimed, mut crowded) = (Vec::new(), false);
    if most > 0 && suspect_first {
        let last = &mut turn.suspect_tenant_id;
        (claimed, crowded) = take(tx, policy, ids, request, true, 1, last).await?;
    }
    if most > 0 && claimed.is_empty() {
        let last = &mut turn.tenant_id;
        let (taken, full) = take(tx, policy, ids, request, false, most, last).await?;
        claimed = taken;
        crowded |= full;
    }
    if most > 0 && claimed.is_empty() && idle && suspects && !suspect_first {
        let last = &mut turn.suspect_tenant_id;
        let (taken, full) = take(tx, policy, ids, request, true, 1, last).await?;
        claimed = taken;
        crowded |= full;
    }
    if !claimed.is_empty() {
        tx.tally(Tally::Claimed(
            u64::try_from(claimed.len()).unwrap_or(u64::MAX),
        ));
    }
    let took_suspect = claimed.iter().any(|message| message.suspect);
    // A busy worker is told of suspects that an idle one would be given, and of no others: it would go idle for nothing.
    let suspects_waiting = suspects
        && !idle
        && suspects_to_be_had(tx, policy, request, &turn.suspect_tenant_id).await?;
    if idle && !claimed.is_empty() {
        turn.suspect_last = i64::from(took_suspect);
    }
    let after = (
        turn.tenant_id.clone(),
        turn.suspect_tenant_id.clone(),
        turn.suspect_last,
    );
    if before != after {
        take_turn(tx, &request.pool, &turn).await?;
    }
    heard_of(tx, request, &turn, claimed.len()).await?;
    Ok(Batch {
        claimed,
        suspects_waiting,
        drain: false,
        crowded,
    })
}

/// Whether a tenant with a suspect has room for it; looks at a bounded number of them.
async fn suspects_to_be_had(
    tx: &mut Tx,
    policy: &Policy,
    request: &ClaimRequest,
    last: &str,
) -> Result<bool, StoreError> {
    let (pool, room) = (&request.pool, policy.tenant_in_flight);
    let tenants = tenants_in_turn(tx, pool, true, last, LOOK_FURTHER, room).await?;
    Ok(tenants.iter().any(|tenant| tenant.room > 0))
}

/// Note that the worker lives and what it has, unless that is known as of a moment ago: a row that every claim wrote would
/// cost a busy worker more than the claim.
async fn heard_of(
    tx: &mut Tx,
    request: &ClaimRequest,
    known: &Turn,
    claimed: usize,
) -> Result<(), StoreError> {
    let load = request
        .in_flight
        .saturating_add(u32::try_from(claimed).unwrap_or(u32::MAX));
    let now = tx.now().await?;
    let fresh = known.worker_heartbeat_at.is_some_and(|heard| {
        let same = known.worker_load == Some(i64::from(load));
        heard.until(now) < if same { LOAD_UNCHANGED } else { LOAD_CHANGED }
    });
    if fresh {
        return Ok(());
    }
    on_tx!(tx, |conn| sqlx::query(sql::WORKER_CLAIMS)
        .bind(&request.worker_id)
        .bind(&request.pool)
        .bind(i64::from(load))
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// Lease up to `most` conversations, tenants in turn after `last`, which becomes the tenant served last. Answers also whether
/// a tenant was passed over because it has as much in flight as it may.
async fn take(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    request: &ClaimRequest,
    suspects: bool,
    most: usize,
    last: &mut String,
) -> Result<(Vec<Claimed>, bool), StoreError> {
    let mut claimed = Vec::new();
    let (mut crowded, mut progress) = (false, false);
    for round in 0..ROUNDS {
        let wanted = most.saturating_sub(claimed.len());
        if wanted == 0 {
            return Ok((claimed, crowded));
        }
        let look_at = if round == 0 {
            wanted
        } else {
            wanted.max(LOOK_FURTHER)
        };
        let (pool, room) = (&request.pool, policy.tenant_in_flight);
        let tenants = tenants_in_turn(tx, pool, suspects, last, look_at, room).await?;
        let shares = Shares::of(&tenants, wanted);
        crowded |= shares.crowded;
        let found = candidates(tx, pool, suspects, &shares).await?;
        let mut leases = Vec::with_capacity(wanted);
        let mut elsewhere = Vec::new();
        for candidate in &found {
            if candidate.early || candidate.held {
                elsewhere.push(candidate);
            } else if leases.len() < wanted {
                leases.push((candidate, token_of(ids, request, candidate)?));
            }
        }
        if tx.is_shared() && found.len() > elsewhere.len().saturating_add(leases.len()) {
            // Locked by this claim, and not taken: others passed over them.
            tx.raise(Topic::Queue);
        }
        let more = tenants.len() == look_at || !elsewhere.is_empty() || shares.left(&found);
        progress |= !elsewhere.is_empty() || !leases.is_empty();
        park(tx, &elsewhere).await?;
        lease(tx, policy, request, &leases).await?;
        // Cut short, the turns go on behind the tenant that was served last; else behind all that were looked at.
        let cut = leases.last().filter(|_| leases.len() == wanted);
        let served = cut.map(|(candidate, ..)| &candidate.tenant_id);
        if let Some(tenant) = served.or(shares.last.as_ref()) {
            tenant.as_str().clone_into(last);
        }
        claimed.extend(leases.into_iter().map(|(candidate, token)| Claimed {
            lease: Lease {
                pool: request.pool.clone(),
                tenant_id: candidate.tenant_id.clone(),
                conversation_id: candidate.conversation_id.clone(),
                agent_key: candidate.agent_key.clone(),
                message_id: candidate.message_id.clone(),
                trace_id: candidate.trace_id.clone(),
                token,
                fence: candidate.fence,
            },
            lease_for: policy.lease.min(policy.lease_total),
            attempt: count(candidate.attempts).saturating_add(1),
            crashes: count(candidate.crashes),
            suspect: suspects,
        }));
        if !more {
            return Ok((claimed, crowded));
        }
    }
    if progress && claimed.len() < most {
        // There may be more: whoever waits is to claim again at once.
        tx.raise(Topic::Queue);
    }
    Ok((claimed, crowded))
}

/// The token of a new lease: it follows from the claim where that can be repeated.
fn token_of(
    ids: &Ids,
    request: &ClaimRequest,
    candidate: &Candidate,
) -> Result<LeaseToken, StoreError> {
    Ok(match &request.claim {
        Some(claim) => {
            let (tenant, conversation) = (&candidate.tenant_id, &candidate.conversation_id);
            let fence = candidate.fence;
            claim.id.lease_token("turn", tenant, conversation, fence)
        }
        None => ids.lease_token()?,
    })
}

/// They are not ready: no claim is to find them again before that has changed.
async fn park(tx: &mut Tx, candidates: &[&Candidate]) -> Result<(), StoreError> {
    if candidates.is_empty() {
        return Ok(());
    }
    let rows = Columns::new()
        .texts(candidates.iter().map(|found| found.tenant_id.as_str()))
        .texts(
            candidates
                .iter()
                .map(|found| found.conversation_id.as_str()),
        )
        .texts(candidates.iter().map(|found| found.agent_key.as_str()))
        .optional_texts(candidates.iter().map(|found| found.row_address.as_deref()));
    let now = tx.now().await?;
    let statement = tx.sql(sql::PARK);
    on_tx!(tx, |conn| rows
        .to(sqlx::query(statement).bind(now))
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

async fn lease(
    tx: &mut Tx,
    policy: &Policy,
    request: &ClaimRequest,
    leases: &[(&Candidate, LeaseToken)],
) -> Result<(), StoreError> {
    let Some(last_fence) = leases.iter().map(|(found, _)| found.fence).max() else {
        return Ok(());
    };
    let now = tx.now().await?;
    let deadline = now.plus(policy.lease_total);
    let until = now.plus(policy.lease).min(deadline);
    let seals: Vec<_> = leases
        .iter()
        .map(|(_, token)| token.sealed(&request.pool))
        .collect();
    let rows = Columns::new()
        .texts(leases.iter().map(|(found, _)| found.tenant_id.as_str()))
        .texts(
            leases
                .iter()
                .map(|(found, _)| found.conversation_id.as_str()),
        )
        .numbers(leases.iter().map(|(found, _)| found.fence.0))
        .texts(seals.iter().map(LeaseSeal::as_str))
        .optional_texts(leases.iter().map(|(found, _)| found.row_address.as_deref()));
    let statement = tx.sql(sql::LEASE);
    let written = on_tx!(tx, |conn| rows
        .to(sqlx::query(statement)
            .bind(&request.worker_id)
            .bind(until)
            .bind(deadline))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    // If one were elsewhere, its worker would hold a lease that nobody knows of.
    all_of(leases.len(), written, "conversation")?;
    if !tx.is_shared() {
        on_tx!(tx, |conn| rows
            .to(sqlx::query(sql::LEAVE_HEADS))
            .execute(conn)
            .await
            .map(drop))?;
        on_tx!(tx, |conn| sqlx::query(sql::PASS_FENCES)
            .bind(last_fence.0)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}
