//! Whose turn it is: tenants one after another, so that none waits behind another's crowd.

use super::rows::{Candidate, InTurn, Turn};
use super::{batch, sql};
use crate::domain::{Pool, TenantId, WorkerId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::HashMap;

/// What a claim begins with.
pub(super) async fn look(
    tx: &mut Tx,
    pool: &Pool,
    worker_id: &WorkerId,
) -> Result<Turn, StoreError> {
    let now = tx.now_or_ask().await?;
    let statement = tx.sql(sql::LOOK_BEFORE_CLAIM);
    let turn: Turn = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(pool)
        .bind(worker_id)
        .bind(now)
        .fetch_one(conn)
        .await)?;
    tx.it_was(turn.now);
    Ok(turn)
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

/// At most `most` tenants with something ready, the one after `last` first. Each may have `in_flight` messages in
/// flight, where it has no number of its own.
pub(super) async fn tenants_in_turn(
    tx: &mut Tx,
    pool: &Pool,
    suspects: bool,
    last: &str,
    most: usize,
    in_flight: u32,
) -> Result<Vec<InTurn>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(sql::TENANTS_IN_TURN)
        .bind(pool)
        .bind(i64::from(suspects))
        .bind(last)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(i64::from(in_flight))
        .fetch_all(conn)
        .await)?)
}

/// What one round of a claim may give to each tenant.
#[derive(Debug, Default)]
pub(super) struct Shares {
    shares: Vec<(TenantId, usize)>,
    /// The tenant behind which the next round goes on.
    pub(super) last: Option<TenantId>,
    /// A tenant was passed over: it has as much in flight as it may.
    pub(super) crowded: bool,
}

impl Shares {
    /// Equal parts of `wanted` among those with room, one each where there are more of them.
    pub(super) fn of(tenants: &[InTurn], wanted: usize) -> Self {
        let with_room = tenants.iter().filter(|tenant| tenant.room > 0).count();
        let share = wanted.div_ceil(with_room.clamp(1, wanted.max(1)));
        let mut shares = Self::default();
        for tenant in tenants {
            if shares.shares.len() == wanted {
                break;
            }
            shares.last = Some(tenant.tenant_id.clone());
            match usize::try_from(tenant.room) {
                Ok(room) if room > 0 => {
                    let share = share.min(room);
                    shares.shares.push((tenant.tenant_id.clone(), share));
                }
                _ => shares.crowded = true,
            }
        }
        shares
    }

    /// Whether a tenant that gave all it was asked for may have more.
    pub(super) fn left(&self, found: &[Candidate]) -> bool {
        self.shares.iter().any(|(tenant, share)| {
            let found = found.iter().filter(|row| row.tenant_id == *tenant);
            found.count() >= *share
        })
    }
}

/// The first ready conversations of each tenant, as many as its share, in the order in which they take turns: the first of
/// each tenant, then the second of each, and so on.
pub(super) async fn candidates(
    tx: &mut Tx,
    pool: &Pool,
    suspects: bool,
    Shares { shares, .. }: &Shares,
) -> Result<Vec<Candidate>, StoreError> {
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    let rows = batch(shares)?;
    let now = tx.now().await?;
    // All have the same share but for those with less room: on SQLite, what is over that is left where it is.
    let most = shares.iter().map(|(_, share)| *share).max().unwrap_or(0);
    let statement = tx.sql(sql::READY);
    let mut rows: Vec<Candidate> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(pool)
        .bind(i64::from(suspects))
        .bind(now)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(rows)
        .fetch_all(conn)
        .await)?;
    let mut left: HashMap<&TenantId, usize> = shares
        .iter()
        .map(|(tenant, share)| (tenant, *share))
        .collect();
    rows.retain(|row| match left.get_mut(&row.tenant_id) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    });
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
