//! Whose turn it is: tenants one after another, so that none waits behind another's crowd.

use super::rows::{Candidate, Turn};
use super::{batch, sql};
use crate::domain::{ConversationId, Pool, TenantId, WorkerId};
use crate::store::{StoreError, Tx, on_tx};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

pub(super) async fn turn(
    tx: &mut Tx,
    pool: &Pool,
    worker_id: &WorkerId,
) -> Result<Turn, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(sql::TURN)
        .bind(pool)
        .bind(worker_id)
        .fetch_one(conn)
        .await)?)
}

pub(super) async fn take_turn(tx: &mut Tx, pool: &Pool, turn: &Turn) -> Result<(), StoreError> {
    let statement = tx.sql(sql::TAKE_TURN);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(pool)
        .bind(&turn.tenant_id)
        .bind(&turn.suspect_tenant_id)
        .bind(turn.suspect_last)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// At most `most` tenants with something ready, the one after `last` first.
pub(super) async fn tenants_in_turn(
    tx: &mut Tx,
    pool: &Pool,
    suspects: bool,
    last: &str,
    most: usize,
) -> Result<Vec<TenantId>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(sql::TENANTS_IN_TURN)
        .bind(pool)
        .bind(i64::from(suspects))
        .bind(last)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await)?)
}

/// The first `share` ready conversations of each of `tenants`, in the order in which they take turns: the first of
/// each tenant, then the second of each, and so on.
pub(super) async fn candidates(
    tx: &mut Tx,
    pool: &Pool,
    suspects: bool,
    tenants: &[TenantId],
    share: usize,
) -> Result<Vec<Candidate>, StoreError> {
    let tenants = batch(tenants)?;
    if tx.is_shared() {
        let ready: Vec<(TenantId, ConversationId)> =
            heads(tx, sql::LOCK_READY, tenants, pool, suspects, share).await?;
        let ready = batch(&ready)?;
        let rows: Vec<Candidate> = on_tx!(tx, |conn| sqlx::query_as(sql::HEADS_OF)
            .bind(ready)
            .fetch_all(conn)
            .await)?;
        return Ok(dealt(rows));
    }
    let rows = heads(tx, sql::HEADS, tenants, pool, suspects, share).await?;
    Ok(dealt(rows))
}

async fn heads<R>(
    tx: &mut Tx,
    statement: &'static str,
    tenants: String,
    pool: &Pool,
    suspects: bool,
    share: usize,
) -> Result<Vec<R>, StoreError>
where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    Ok(on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(tenants)
        .bind(pool)
        .bind(i64::from(suspects))
        .bind(i64::try_from(share).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await)?)
}

/// Rows that come tenant by tenant, dealt out in turns.
fn dealt(rows: Vec<Candidate>) -> Vec<Candidate> {
    let mut ranked = Vec::with_capacity(rows.len());
    let mut rank = 0_usize;
    let mut of: Option<TenantId> = None;
    for row in rows {
        rank = if of.as_ref() == Some(&row.tenant_id) {
            rank.saturating_add(1)
        } else {
            0
        };
        of = Some(row.tenant_id.clone());
        ranked.push((rank, row));
    }
    // Stable: within a rank, tenants stay in turn.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, row)| row).collect()
}
