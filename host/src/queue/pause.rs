//! A person lets a tenant or a conversation wait: messages come in and keep their order, and none is given out.

use super::head::rehead;
use super::{clipped, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};

/// Let a whole tenant wait, for `reason`; turns that run are finished. Answers whether there is such a tenant. One that is
/// paused keeps the first reason. Its agents are marked with it, so that claims need not look at tenants.
///
/// # Errors
/// Where the database fails.
pub async fn pause_tenant(
    tx: &mut Tx,
    tenant_id: &TenantId,
    reason: &str,
) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let reason = clipped(reason);
    let paused = on_tx!(tx, |conn| sqlx::query(sql::PAUSE_TENANT)
        .bind(tenant_id)
        .bind(&*reason)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    let statement = tx.sql(sql::PAUSE_AGENTS);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(tenant_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    tx.raise(Topic::Settled);
    Ok(paused)
}

/// Let a paused tenant go on. Conversations are let go by claims and sweeps, a bounded number each; those of held agents and
/// paused ones wait on. Answers whether there is such a tenant.
///
/// # Errors
/// Where the database fails.
pub async fn resume_tenant(tx: &mut Tx, tenant_id: &TenantId) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let resumed = on_tx!(tx, |conn| sqlx::query(sql::RESUME_TENANT)
        .bind(tenant_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    let statement = tx.sql(sql::RESUME_AGENTS);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(tenant_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    tx.raise(Topic::Queue);
    Ok(resumed)
}

/// Let one conversation wait, for `reason`; a turn that runs is finished. Answers whether there is such a conversation. One
/// that is paused keeps the first reason.
///
/// # Errors
/// Where the database fails.
pub async fn pause_conversation(
    tx: &mut Tx,
    tenant_id: &TenantId,
    conversation_id: &ConversationId,
    reason: &str,
) -> Result<bool, StoreError> {
    let reason = clipped(reason);
    let changed = on_tx!(tx, |conn| sqlx::query(sql::PAUSE_CONVERSATION)
        .bind(tenant_id)
        .bind(conversation_id)
        .bind(&*reason)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    tx.raise(Topic::Settled);
    rehead(tx, &[(tenant_id, conversation_id)]).await?;
    Ok(changed)
}

/// Let a paused conversation go on. Answers whether there is such a conversation.
///
/// # Errors
/// Where the database fails.
pub async fn resume_conversation(
    tx: &mut Tx,
    tenant_id: &TenantId,
    conversation_id: &ConversationId,
) -> Result<bool, StoreError> {
    let changed = on_tx!(tx, |conn| sqlx::query(sql::RESUME_CONVERSATION)
        .bind(tenant_id)
        .bind(conversation_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    rehead(tx, &[(tenant_id, conversation_id)]).await?;
    Ok(changed)
}

/// Set how many messages of the tenant workers have at once, at most; none: as configured. Answers whether there is such
/// a tenant.
///
/// # Errors
/// Where the database fails.
pub async fn limit_tenant(
    tx: &mut Tx,
    tenant_id: &TenantId,
    in_flight: Option<u32>,
) -> Result<bool, StoreError> {
    let limited = on_tx!(tx, |conn| sqlx::query(sql::LIMIT_TENANT)
        .bind(tenant_id)
        .bind(in_flight.map(i64::from))
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?;
    tx.raise(Topic::Queue);
    Ok(limited)
}
