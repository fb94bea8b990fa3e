use crate::domain::{AgentKey, ConversationId, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

/// What can be said of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Conversation {
    /// Who answers in it, for good.
    pub agent_key: AgentKey,
    /// `idle`, `waiting`, `ready`, `leased` or `held`.
    pub state: String,
    /// Why it waits for a person, where somebody paused it.
    pub paused_reason: Option<String>,
    /// When its first message came.
    pub created_at: Timestamp,
}

/// What can be said of a conversation of this tenant; `None` where there is none.
///
/// # Errors
/// Where the database fails.
pub async fn conversation(
    tx: &mut Tx,
    tenant_id: &TenantId,
    conversation_id: &ConversationId,
) -> Result<Option<Conversation>, StoreError> {
    const SQL: &str = "
        SELECT agent_key, state, paused_reason, created_at FROM conversations
        WHERE tenant_id = $1 AND conversation_id = $2";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(conversation_id)
        .fetch_optional(conn)
        .await)?)
}
