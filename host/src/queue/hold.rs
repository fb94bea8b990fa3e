use super::head::rehead;
use super::lease::lock_to_end;
use super::settle::{cancel_leased, return_unspent};
use super::{LeaseError, Policy, clipped, sql};
use crate::domain::{AgentKey, ConversationId, Lease, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::{Outcome, Tally};

/// The agent cannot work until a person acts (a bad key, a spent quota, a missing grant): it is held for `reason`, the
/// message goes back to its place with no attempt spent, and all the agent's conversations wait. Those that are
/// ready are parked as claims come upon them. A message that was cancelled meanwhile ends as that.
///
/// # Errors
/// [`LeaseError::Lost`] where the lease is gone.
pub async fn hold(tx: &mut Tx, lease: &Lease, reason: &str) -> Result<(), LeaseError> {
    let locked = lock_to_end(tx, lease).await?;
    let now = tx.now().await?;
    let reason = clipped(reason);
    on_tx!(tx, |conn| sqlx::query(sql::HOLD)
        .bind(&lease.tenant_id)
        .bind(&lease.agent_key)
        .bind(&*reason)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    if locked.cancelling == 1 {
        cancel_leased(tx, &locked).await?;
        return Ok(());
    }
    return_unspent(tx, &locked).await?;
    tx.tally(Tally::Settled(Outcome::Held, 1));
    // For those who wait for an answer, that is one.
    tx.raise(Topic::Settled);
    Ok(())
}

/// A person lets the agent wait, for `reason`: the turns that run are finished, and all its conversations wait. Answers
/// whether there is such an agent. One that is held keeps the first reason.
///
/// # Errors
/// Where the database fails.
pub async fn hold_agent(
    tx: &mut Tx,
    tenant_id: &TenantId,
    agent_key: &AgentKey,
    reason: &str,
) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let reason = clipped(reason);
    let held = on_tx!(tx, |conn| sqlx::query(sql::HOLD)
        .bind(tenant_id)
        .bind(agent_key)
        .bind(&*reason)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    tx.raise(Topic::Settled);
    Ok(held)
}

/// The person has acted: the agent works again. The first of its conversations are let go here, the rest by
/// claims and sweeps, a bounded number each. Answers whether there is such an agent.
///
/// # Errors
/// Where the database fails.
pub async fn resume(
    tx: &mut Tx,
    policy: &Policy,
    tenant_id: &TenantId,
    agent_key: &AgentKey,
) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let resumed = on_tx!(tx, |conn| sqlx::query(sql::RESUME)
        .bind(tenant_id)
        .bind(agent_key)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if resumed == 0 {
        return Ok(false);
    }
    let_go_of(tx, u64::from(policy.sweep_batch), tenant_id, agent_key).await?;
    Ok(true)
}

/// Let go of held conversations of resumed agents, at most the policy's `sweep_batch`; answers of how many.
pub(super) async fn let_go(tx: &mut Tx, policy: &Policy) -> Result<u64, StoreError> {
    let mut moved = 0_u64;
    while moved < u64::from(policy.sweep_batch) {
        let statement = tx.sql(sql::RESUMING);
        let agent: Option<(TenantId, AgentKey)> = on_tx!(tx, |conn| sqlx::query_as(statement)
            .fetch_optional(conn)
            .await)?;
        let Some((tenant_id, agent_key)) = agent else {
            break;
        };
        let most = u64::from(policy.sweep_batch).saturating_sub(moved);
        let (let_go, all) = let_go_of(tx, most, &tenant_id, &agent_key).await?;
        // An agent with nothing held costs its statements all the same.
        moved = moved.saturating_add(let_go.max(1));
        if !all {
            break;
        }
    }
    Ok(moved)
}

/// Let go of at most `most` conversations of one resumed agent, whose row is locked; with none left, it is resumed.
/// Answers of how many, and whether none is left.
async fn let_go_of(
    tx: &mut Tx,
    most: u64,
    tenant_id: &TenantId,
    agent_key: &AgentKey,
) -> Result<(u64, bool), StoreError> {
    let statement = tx.sql(sql::HELD_CONVERSATIONS);
    let held: Vec<(TenantId, ConversationId)> = on_tx!(tx, |conn| {
        sqlx::query_as(statement)
            .bind(tenant_id)
            .bind(agent_key)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(conn)
            .await
    })?;
    let keys: Vec<_> = held
        .iter()
        .map(|(tenant, conversation)| (tenant, conversation))
        .collect();
    rehead(tx, &keys).await?;
    let moved = u64::try_from(held.len()).unwrap_or(u64::MAX);
    let mut all = false;
    if moved < most {
        let resumed = on_tx!(tx, |conn| sqlx::query(sql::RESUMED)
            .bind(tenant_id)
            .bind(agent_key)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        all = resumed > 0;
    }
    Ok((moved, all))
}
