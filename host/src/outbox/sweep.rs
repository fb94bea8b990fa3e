use super::lane::take_back;
use super::rows::WorkOfTime;
use super::{Policy, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};

/// Do what time does by itself: let lanes fall due, and take back those whose lease has ended. Every claim does so
/// first. Bounded by the policy; answers whether it stopped at a bound with more to do.
///
/// # Errors
/// Where the database fails.
pub async fn sweep(tx: &mut Tx, policy: &Policy) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let work: WorkOfTime = on_tx!(tx, |conn| sqlx::query_as(sql::LOOK_FOR_WORK_OF_TIME)
        .bind(now)
        .fetch_one(conn)
        .await)?;
    let mut more = false;
    if work.due {
        let most = i64::from(policy.promote_batch);
        let statement = tx.sql(sql::PROMOTE);
        let promoted = on_tx!(tx, |conn| sqlx::query(statement)
            .bind(now)
            .bind(most)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        more = promoted >= u64::from(policy.promote_batch);
        tx.raise(Topic::Outbox);
    }
    if work.expired {
        let most = i64::from(policy.sweep_batch);
        let statement = tx.sql(sql::EXPIRED);
        let expired: Vec<(TenantId, ConversationId)> =
            on_tx!(tx, |conn| sqlx::query_as(statement)
                .bind(now)
                .bind(most)
                .fetch_all(conn)
                .await)?;
        more |= expired.len() >= usize::try_from(policy.sweep_batch).unwrap_or(usize::MAX);
        let lanes: Vec<_> = expired
            .iter()
            .map(|(tenant, conversation)| (tenant, conversation))
            .collect();
        take_back(tx, &lanes).await?;
    }
    if more {
        tx.raise(Topic::Outbox);
    }
    Ok(more)
}
