//! A message is not wanted any more.

use super::finish::finish_cancelled;
use super::head::rehead;
use super::repair::lock_conversations;
use super::sql;
use crate::domain::{ConversationId, MessageId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::{Outcome, Tally};

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and is cancelled now.
    Now,
    /// A worker has it and is told with its next heartbeat. Unless its turn ends well before that, it is cancelled then, and
    /// not tried again.
    Asked,
    /// It has finished, or was given up, or there is no such message: [`super::message_status`] says which.
    Not,
}

/// Cancel a message.
///
/// # Errors
/// Where the database fails.
pub async fn cancel(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<Cancelled, StoreError> {
    let conversation: Option<ConversationId> =
        on_tx!(tx, |conn| sqlx::query_scalar(sql::CONVERSATION_OF)
            .bind(tenant_id)
            .bind(message_id)
            .fetch_optional(conn)
            .await)?;
    let Some(conversation_id) = conversation else {
        return Ok(Cancelled::Not);
    };
    let locked = lock_conversations(tx, tenant_id, &[&conversation_id]).await?;
    // Read now that nobody else can move it.
    let status: Option<String> = on_tx!(tx, |conn| sqlx::query_scalar(sql::STATUS_OF)
        .bind(tenant_id)
        .bind(message_id)
        .fetch_optional(conn)
        .await)?;
    let (Some(conversation), Some("queued")) = (locked.first(), status.as_deref()) else {
        return Ok(Cancelled::Not);
    };
    if conversation.leased.as_ref() == Some(message_id) {
        on_tx!(tx, |conn| sqlx::query(sql::CANCEL_LEASED)
            .bind(tenant_id)
            .bind(&conversation_id)
            .execute(conn)
            .await
            .map(drop))?;
        return Ok(Cancelled::Asked);
    }
    finish_cancelled(tx, &[(tenant_id, message_id)]).await?;
    rehead(tx, &[(tenant_id, &conversation_id)]).await?;
    tx.raise(Topic::Settled);
    tx.tally(Tally::Settled(Outcome::Cancelled, 1));
    Ok(Cancelled::Now)
}
