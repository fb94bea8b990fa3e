use super::lane::LaneLease;
use super::rows::{HeldLane, PendingRow, ReadyLane};
use super::sweep::sweep;
use super::{Policy, sql};
use crate::clock::Ids;
use crate::domain::{Channel, ClaimTry, Fence, MessageId, OutboxId, Pool, WorkerId};
use crate::queue::{batch, count};
use crate::store::{StoreError, Tx, on_tx};
use std::time::Duration;

/// The most lanes of one claim.
pub const MAX_LANES: u32 = 256;

/// The most rows of one lane in one claim.
pub const MAX_ROWS: u32 = 64;

/// A deliverer asks for replies to deliver.
#[derive(Clone, Debug)]
pub struct OutboxClaim {
    /// Who.
    pub worker_id: WorkerId,
    /// Whose replies it may deliver.
    pub pool: Pool,
    /// The most conversations; more than [`MAX_LANES`] is taken as that.
    pub max_lanes: u32,
    /// The most replies of each; more than [`MAX_ROWS`] is taken as that, and 0 as 1.
    pub rows_per_lane: u32,
    /// Makes a claim whose answer may get lost repeatable; none where none can.
    pub claim: Option<ClaimTry>,
}

/// A lane in a deliverer's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneClaim {
    /// The right to deliver its rows.
    pub lease: LaneLease,
    /// How long that lasts unless it is extended.
    pub lease_for: Duration,
    /// In the order in which they leave; never empty. Each is [`super::delivered`] or [`super::failed`]; with rows left
    /// over at the end, the lane is released.
    pub rows: Vec<OutboxRow>,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id.
    pub outbox_id: OutboxId,
    /// The message it answers.
    pub message_id: MessageId,
    /// Where to.
    pub channel: Channel,
    /// What.
    pub body: String,
    /// 1-based.
    pub attempt: u32,
}

/// Lease the lanes of a pool that have been due longest, each as a whole, and read their first rows. Does first what
/// time does by itself ([`sweep`]).
///
/// # Errors
/// Where the database fails, or no token can be made.
pub async fn claim(
    tx: &mut Tx,
    policy: &Policy,
    ids: &Ids,
    request: &OutboxClaim,
) -> Result<Vec<LaneClaim>, StoreError> {
    let before = repeated(tx, request).await?;
    if !before.is_empty() {
        return with_rows(tx, request, before).await;
    }
    sweep(tx, policy).await?;
    let most = i64::from(request.max_lanes.min(MAX_LANES));
    let statement = tx.sql(sql::READY_LANES);
    let lanes: Vec<ReadyLane> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(&request.pool)
        .bind(most)
        .fetch_all(conn)
        .await)?;
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now().await?;
    let deadline = now.plus(policy.lease_total);
    let until = now.plus(policy.lease).min(deadline);
    let mut claims = Vec::with_capacity(lanes.len());
    for lane in lanes {
        let fence = Fence(lane.fence.0.saturating_add(1));
        let (tenant, conversation) = (&lane.tenant_id, &lane.conversation_id);
        claims.push(LaneClaim {
            lease: LaneLease {
                pool: request.pool.clone(),
                token: match &request.claim {
                    Some(claim) => claim.id.lease_token("lane", tenant, conversation, fence),
                    None => ids.lease_token()?,
                },
                tenant_id: lane.tenant_id,
                conversation_id: lane.conversation_id,
                fence,
            },
            lease_for: now.until(until),
            rows: Vec::new(),
        });
    }
    let leases: Vec<_> = claims
        .iter()
        .map(|claim| {
            (
                &claim.lease.tenant_id,
                &claim.lease.conversation_id,
                claim.lease.token.sealed(&request.pool),
            )
        })
        .collect();
    let leases = batch(&leases)?;
    let statement = tx.sql(sql::LEASE);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(&leases)
        .bind(&request.worker_id)
        .bind(until)
        .bind(deadline)
        .execute(conn)
        .await
        .map(drop))?;
    with_rows(tx, request, claims).await
}

/// Read the first rows of each lane.
async fn with_rows(
    tx: &mut Tx,
    request: &OutboxClaim,
    mut claims: Vec<LaneClaim>,
) -> Result<Vec<LaneClaim>, StoreError> {
    let lanes: Vec<_> = claims
        .iter()
        .map(|claim| (&claim.lease.tenant_id, &claim.lease.conversation_id))
        .collect();
    let lanes = batch(&lanes)?;
    let rows_per_lane = i64::from(request.rows_per_lane.clamp(1, MAX_ROWS));
    let statement = tx.sql(sql::PENDING);
    let rows: Vec<PendingRow> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(lanes)
        .bind(rows_per_lane)
        .fetch_all(conn)
        .await)?;
    deal(&mut claims, rows)?;
    Ok(claims)
}

/// What an earlier try of the same claim has leased: its answer may have been lost on the way.
async fn repeated(tx: &mut Tx, request: &OutboxClaim) -> Result<Vec<LaneClaim>, StoreError> {
    let Some(claim) = &request.claim else {
        return Ok(Vec::new());
    };
    // Tries of one claim run one after another.
    tx.one_at_a_time(&["claim", claim.id.reveal()]).await?;
    if !claim.repeated {
        return Ok(Vec::new());
    }
    let now = tx.now().await?;
    let held: Vec<HeldLane> = on_tx!(tx, |conn| sqlx::query_as(sql::HELD_BY_WORKER)
        .bind(&request.worker_id)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    let mut claims = Vec::new();
    for lane in held {
        let (tenant, conversation) = (&lane.tenant_id, &lane.conversation_id);
        let token = claim
            .id
            .lease_token("lane", tenant, conversation, lane.fence);
        if token.sealed(&request.pool) == lane.lease_token {
            claims.push(LaneClaim {
                lease_for: now.until(lane.lease_until),
                lease: LaneLease {
                    pool: request.pool.clone(),
                    tenant_id: lane.tenant_id,
                    conversation_id: lane.conversation_id,
                    token,
                    fence: lane.fence,
                },
                rows: Vec::new(),
            });
        }
    }
    Ok(claims)
}

/// Hand each lane its rows; both are in the same order.
fn deal(claims: &mut [LaneClaim], rows: Vec<PendingRow>) -> Result<(), StoreError> {
    let mut rows = rows.into_iter().peekable();
    for claim in claims {
        let lease = &claim.lease;
        while let Some(row) = rows.next_if(|row| {
            row.tenant_id == lease.tenant_id && row.conversation_id == lease.conversation_id
        }) {
            claim.rows.push(OutboxRow {
                outbox_id: row.outbox_id,
                message_id: row.message_id,
                channel: serde_json::from_str(&row.channel)
                    .map_err(StoreError::corrupt("channel"))?,
                body: row.body,
                attempt: count(row.attempts).saturating_add(1),
            });
        }
    }
    Ok(())
}
