//! Whose turn it is: tenants one after another, so that none waits behind another's crowd.

use super::rows::{Candidate, Turn};
use super::{batch, sql};
use crate::domain::{Pool, TenantId};
use crate::store::{StoreError, Tx, on_tx};

pub(super) async fn turn(tx: &mut Tx, pool: &Pool) -> Result<Turn, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(sql::TURN)
        .bind(pool)
        .fetch_one(conn)
        .await)?)
}

pub(super) async fn take_turn(tx: &mut Tx, pool: &Pool, turn: &Turn) -> Result<(), StoreError> {
    on_tx!(tx, |conn| sqlx::query(sql::TAKE_TURN)
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
    let rows: Vec<Candidate> = on_tx!(tx, |conn| sqlx::query_as(sql::HEADS)
        .bind(tenants)
        .bind(pool)
        .bind(i64::from(suspects))
        .bind(i64::try_from(share).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await)?;
    Ok(dealt(rows))
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
