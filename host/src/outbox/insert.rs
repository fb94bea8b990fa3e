use super::sql;
use crate::clock::Ids;
use crate::domain::{Channel, Lease, OutboxId};
use crate::queue::batch;
use crate::store::{StoreError, Topic, Tx, on_tx, without_nul};

/// One thing to send: a reply, or a part of one that is too long for its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// Where to. What goes to an app is kept until the app reads it, and `delivered` from the start.
    pub channel: Channel,
    /// What.
    pub body: String,
}

/// Store a turn's replies, behind those of the conversation's earlier turns and in the order given. To be called in the
/// transaction of the completion, once it is known to be [`crate::queue::Settled::Now`]: `lease` says whose replies
/// these are, and is not compared again. Answers with an id for each.
///
/// # Errors
/// Where the database fails, or no id can be made.
pub async fn insert(
    tx: &mut Tx,
    ids: &Ids,
    lease: &Lease,
    items: &[OutboxItem],
) -> Result<Vec<OutboxId>, StoreError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now().await?;
    let to_send = items.iter().any(|item| item.channel != Channel::Api);
    let first: i64 = on_tx!(tx, |conn| sqlx::query_scalar(sql::TAKE_PLACES)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .bind(i64::try_from(items.len()).unwrap_or(i64::MAX))
        .bind(i64::from(to_send))
        .bind(now)
        .fetch_one(conn)
        .await)?;
    let mut made = Vec::with_capacity(items.len());
    let mut rows = Vec::with_capacity(items.len());
    for (item, seq) in items.iter().zip(first..) {
        let id = ids.outbox()?;
        let channel =
            serde_json::to_string(&item.channel).map_err(StoreError::corrupt("channel"))?;
        let (status, settled_at) = match item.channel {
            Channel::Api => ("delivered", Some(now)),
            Channel::Telegram { .. } => ("pending", None),
        };
        let body = without_nul(&item.body);
        rows.push((id.clone(), seq, channel, body, status, settled_at));
        made.push(id);
    }
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::INSERT);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .bind(&lease.tenant_id)
        .bind(&lease.conversation_id)
        .bind(&lease.message_id)
        .bind(now)
        .bind(&lease.trace_id)
        .execute(conn)
        .await
        .map(drop))?;
    if to_send {
        tx.raise(Topic::Outbox);
    }
    Ok(made)
}
