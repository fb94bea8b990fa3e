use super::rows::ReplyRow;
use super::sql;
use crate::domain::{Channel, MessageId, OutboxId, TenantId, Timestamp};
use crate::queue::count;
use crate::store::{StoreError, Tx, on_tx};

/// Where a reply is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyState {
    /// It is to be sent, or to be sent again.
    Pending,
    /// It arrived, or waits for the app to read it.
    Delivered {
        /// When.
        at: Timestamp,
        /// The provider's own id of what it made of it.
        provider_message_id: Option<String>,
    },
    /// It was given up; `last_error` says why.
    Failed {
        /// When.
        at: Timestamp,
    },
}

/// One reply to a message, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its id.
    pub outbox_id: OutboxId,
    /// Where to.
    pub channel: Channel,
    /// What.
    pub body: String,
    /// Where it is.
    pub state: ReplyState,
    /// Attempts to deliver it that failed.
    pub attempts: u32,
    /// How the last of them failed.
    pub last_error: Option<String>,
    /// When the turn that made it completed.
    pub created_at: Timestamp,
}

/// The replies to a message of this tenant, in order; none before it is done.
///
/// # Errors
/// Where the database fails.
pub async fn replies_of(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<Vec<Reply>, StoreError> {
    let rows: Vec<ReplyRow> = on_tx!(tx, |conn| sqlx::query_as(sql::REPLIES_OF)
        .bind(tenant_id)
        .bind(message_id)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(reply_of).collect()
}

fn reply_of(row: ReplyRow) -> Result<Reply, StoreError> {
    let state = match (row.status.as_str(), row.settled_at) {
        ("pending", _) => ReplyState::Pending,
        ("delivered", Some(at)) => ReplyState::Delivered {
            at,
            provider_message_id: row.provider_message_id,
        },
        ("failed", Some(at)) => ReplyState::Failed { at },
        (other, _) => {
            return Err(StoreError::Corrupt {
                what: "reply",
                reason: format!("its status is {other}"),
            });
        }
    };
    Ok(Reply {
        outbox_id: row.outbox_id,
        channel: serde_json::from_str(&row.channel).map_err(StoreError::corrupt("channel"))?,
        body: row.body,
        state,
        attempts: count(row.attempts),
        last_error: row.last_error,
        created_at: row.created_at,
    })
}
