use super::finish::finish_completed;
use super::rows::{Ending, Locked};
use super::{batch, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{Columns, StoreError, Topic, Tx, on_tx};

/// A conversation by its key.
pub(super) type Key<'a> = (&'a TenantId, &'a ConversationId);

/// Leases end, and the next message of each conversation becomes its head. An earlier statement has locked them
/// ([`sql::LOCK`], [`sql::EXPIRED`]), and their messages are where they are to be.
pub(super) async fn release(tx: &mut Tx, leases: &[&Ending]) -> Result<(), StoreError> {
    if leases.is_empty() {
        return Ok(());
    }
    let rows = columns(leases);
    let now = tx.now().await?;
    let statement = tx.sql(sql::RELEASE);
    let ended = if tx.is_shared() {
        let (ended, next, passed): (i64, bool, bool) = on_tx!(tx, |conn| rows
            .to_rows(sqlx::query_as(statement).bind(now))
            .fetch_one(conn)
            .await)?;
        tell(tx, next, passed, &keys(leases)).await?;
        u64::try_from(ended).unwrap_or(0)
    } else {
        let ended = on_tx!(tx, |conn| rows
            .to(sqlx::query(sql::END_LEASES))
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        let headed: Vec<Headed> = on_tx!(tx, |conn| rows
            .to_rows(sqlx::query_as(statement).bind(now))
            .fetch_all(conn)
            .await)?;
        tell_of(tx, &headed, &keys(leases)).await?;
        ended
    };
    all_of(leases.len(), ended, "lease")
}

/// What is locked cannot be elsewhere; if it were, a conversation would have two states, or none.
pub(super) fn all_of(wanted: usize, found: u64, what: &'static str) -> Result<(), StoreError> {
    if u64::try_from(wanted) == Ok(found) {
        Ok(())
    } else {
        Err(StoreError::Moved { what })
    }
}

/// As [`release`] of leases whose messages are done, which go to where finished ones are kept. The rest of the transaction may
/// write the agents' rows.
pub(super) async fn settle(tx: &mut Tx, leases: &[&Locked]) -> Result<(), StoreError> {
    if leases.is_empty() {
        return Ok(());
    }
    let endings: Vec<_> = leases.iter().map(|lease| &lease.ending).collect();
    let settled = if tx.is_shared() {
        let rows = columns(&endings)
            .texts(leases.iter().map(|lease| lease.lease.message_id.as_str()))
            .texts(leases.iter().map(|lease| lease.lease.lease_token.as_str()));
        let now = tx.now().await?;
        let (settled, next, passed): (i64, bool, bool) = on_tx!(tx, |conn| rows
            .to_rows(sqlx::query_as(sql::SETTLE).bind(now))
            .fetch_one(conn)
            .await)?;
        tell(tx, next, passed, &keys(&endings)).await?;
        u64::try_from(settled).unwrap_or(0)
    } else {
        let settled = finish_completed(tx, leases).await?;
        release(tx, &endings).await?;
        settled
    };
    all_of(leases.len(), settled, "message")
}

fn columns<'l>(leases: &[&'l Ending]) -> Columns<'l> {
    Columns::new()
        .texts(leases.iter().map(|lease| lease.tenant_id.as_str()))
        .texts(leases.iter().map(|lease| lease.conversation_id.as_str()))
        .texts(leases.iter().map(|lease| lease.agent_key.as_str()))
        .texts(leases.iter().map(|lease| lease.pool.as_str()))
        .numbers(leases.iter().map(|lease| lease.paused))
        .optional_texts(leases.iter().map(|lease| lease.row_address.as_deref()))
}

fn keys<'l>(leases: &[&'l Ending]) -> Vec<Key<'l>> {
    leases
        .iter()
        .map(|lease| (&lease.tenant_id, &lease.conversation_id))
        .collect()
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
    tell_of(tx, &headed, conversations).await
}

/// What a conversation waits for now, and whether its head's time was set: by a schedule, or by a backoff.
type Headed = (String, bool);

async fn tell_of(
    tx: &mut Tx,
    headed: &[Headed],
    conversations: &[Key<'_>],
) -> Result<(), StoreError> {
    let next = headed.iter().any(|(state, _)| state != "held");
    let passed = headed
        .iter()
        .any(|(state, timed)| *timed && state == "ready");
    tell(tx, next, passed, conversations).await
}

/// Some of these conversations have something to do next, and some of their heads are ready that were to wait for a time.
async fn tell(
    tx: &mut Tx,
    next: bool,
    passed: bool,
    conversations: &[Key<'_>],
) -> Result<(), StoreError> {
    if passed {
        pass(tx, conversations).await?;
    }
    // Also for one that waits: whoever sleeps until the next one falls due may have to sleep less.
    if next {
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
