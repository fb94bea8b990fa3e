//! A claim asked for again, because its answer was lost on the way.

use super::rows::HeldByWorker;
use super::{ClaimRequest, Claimed, count, sql};
use crate::domain::Lease;
use crate::store::{StoreError, Tx, on_tx};

/// What an earlier try of the same claim has leased, if anything. Tries of one claim run one after another, so that a
/// repeat which overtakes its first try on the way to the database finds what that one took.
pub(super) async fn repeated(
    tx: &mut Tx,
    request: &ClaimRequest,
) -> Result<Option<Vec<Claimed>>, StoreError> {
    let Some(claim) = &request.claim else {
        return Ok(None);
    };
    tx.one_at_a_time(&["claim", claim.id.reveal()]).await?;
    if !claim.repeated {
        return Ok(None);
    }
    let now = tx.now().await?;
    let held: Vec<HeldByWorker> = on_tx!(tx, |conn| sqlx::query_as(sql::HELD_BY_WORKER)
        .bind(&request.worker_id)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    let mut claimed = Vec::new();
    for row in held {
        let (tenant, conversation) = (&row.tenant_id, &row.conversation_id);
        let token = claim
            .id
            .lease_token("turn", tenant, conversation, row.fence);
        if token.sealed(&request.pool) != row.lease_token {
            continue;
        }
        claimed.push(Claimed {
            lease_for: now.until(row.lease_until),
            attempt: count(row.attempts).saturating_add(1),
            crashes: count(row.crashes),
            suspect: row.suspect != 0,
            lease: Lease {
                pool: request.pool.clone(),
                tenant_id: row.tenant_id,
                conversation_id: row.conversation_id,
                agent_key: row.agent_key,
                message_id: row.message_id,
                token,
                fence: row.fence,
            },
        });
    }
    Ok((!claimed.is_empty()).then_some(claimed))
}
