use super::rows::Ending;
use super::{batch, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{Columns, Sql, StoreError, Topic, Tx, on_tx};

/// A conversation by its key.
pub(super) type Key<'a> = (&'a TenantId, &'a ConversationId);

/// Leases end, and the next message of each conversation becomes its head. An earlier statement has locked them
/// ([`sql::LOCK`], [`sql::EXPIRED`]), and their messages are where they are to be.
pub(super) async fn release(tx: &mut Tx, leases: &[&Ending]) -> Result<(), StoreError> {
    release_by(tx, sql::RELEASE, leases).await
}

/// As [`release`], where the rest of the transaction may write the agents' rows.
pub(super) async fn release_then_write_agent(
    tx: &mut Tx,
    leases: &[&Ending],
) -> Result<(), StoreError> {
    release_by(tx, sql::RELEASE_THEN_WRITE_AGENT, leases).await
}

async fn release_by(
    tx: &mut Tx,
    statement: Sql,
    leases: &[&Ending],
) -> Result<(), StoreError> {
    if leases.is_empty() {
        return Ok(());
    }
    let rows = Columns::new()
        .texts(leases.iter().map(|lease| lease.tenant_id.as_str()))
        .texts(leases.iter().map(|lease| lease.conversation_id.as_str()))
        .texts(leases.iter().map(|lease| lease.agent_key.as_str()))
        .texts(leases.iter().map(|lease| lease.pool.as_str()))
        .numbers(leases.iter().map(|lease| lease.paused))
        .optional_texts(leases.iter().map(|lease| lease.row_address.as_deref()));
    let now = tx.now().await?;
    if !tx.is_shared() {
        on_tx!(tx, |conn| rows
            .to(sqlx::query(sql::END_LEASES))
            .execute(conn)
            .await
            .map(drop))?;
    }
    let statement = tx.sql(statement);
    let headed: Vec<Headed> = on_tx!(tx, |conn| rows
        .to_rows(sqlx::query_as(statement).bind(now))
        .fetch_all(conn)
        .await)?;
    let keys: Vec<_> = leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.conversation_id))
        .collect();
    tell(tx, &headed, &keys).await
}

/// Compute afresh what conversations wait for that no worker has; what a worker has is left as it is, and computed when its
/// lease ends. They are locked, and their messages are where they are to be.
pub(super) async fn rehead(tx: &mut Tx, conversations: &[Key<'_>]) -> Result<(), StoreError> {
    if conversations.is_empty() {
        return Ok(());
    }
    let keys = batch(conversations)?;
    let now = tx.now().await?;
    let before = if tx.is_shared() {
        sql::LOCK_HEADS
    } else {
        sql::LEAVE_HEADS
    };
    on_tx!(tx, |conn| sqlx::query(before)
        .bind(&keys)
        .execute(conn)
        .await
        .map(drop))?;
    let statement = tx.sql(sql::REHEAD);
    let headed: Vec<Headed> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(now)
        .bind(&keys)
        .fetch_all(conn)
        .await)?;
    tell(tx, &headed, conversations).await
}

/// What a conversation waits for now, and whether its head's time was set: by a schedule, or by a backoff.
type Headed = (String, bool);

async fn tell(
    tx: &mut Tx,
    headed: &[Headed],
    conversations: &[Key<'_>],
) -> Result<(), StoreError> {
    if headed.iter().any(|(state, timed)| *timed && state == "ready") {
        pass(tx, conversations).await?;
    }
    // Also for one that waits: whoever sleeps until the next one falls due may have to sleep less.
    if headed
        .iter()
        .any(|(state, _)| matches!(state.as_str(), "ready" | "waiting"))
    {
        tx.raise(Topic::Queue);
    }
    Ok(())
}

/// Heads of these conversations, which are locked, have fallen due: what arrives from now on goes behind them.
pub(super) async fn pass(tx: &mut Tx, conversations: &[Key<'_>]) -> Result<(), StoreError> {
    let keys = batch(conversations)?;
    let statement = tx.sql(sql::PASS);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(&keys)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
