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
        SELECT c.agent_key, COALESCE(h.state, CASE WHEN l.fence IS NULL THEN 'idle' ELSE 'leased' END) AS state, c.paused_reason,
            c.created_at
        FROM conversations c
        LEFT JOIN heads h ON h.tenant_id = c.tenant_id AND h.conversation_id = c.conversation_id
        LEFT JOIN leases l ON l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id
        WHERE c.tenant_id = $1 AND c.conversation_id = $2";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(conversation_id)
        .fetch_optional(conn)
        .await)?)
}
