use crate::domain::{ConversationId, Fence, LeaseSeal, MessageId, OutboxId, TenantId, Timestamp};

/// Of [`super::sql::LOOK_FOR_WORK_OF_TIME`].
#[derive(sqlx::FromRow)]
pub(super) struct WorkOfTime {
    pub(super) due: bool,
    pub(super) expired: bool,
}

/// Of [`super::sql::READY_LANES`].
#[derive(sqlx::FromRow)]
pub(super) struct ReadyLane {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) fence: Fence,
}

/// Of [`super::sql::HELD_BY_WORKER`].
#[derive(sqlx::FromRow)]
pub(super) struct HeldLane {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) lease_token: LeaseSeal,
    pub(super) fence: Fence,
    pub(super) lease_until: Timestamp,
}

/// Of [`super::sql::PENDING`].
#[derive(sqlx::FromRow)]
pub(super) struct PendingRow {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) outbox_id: OutboxId,
    pub(super) message_id: MessageId,
    pub(super) channel: String,
    pub(super) body: String,
    pub(super) attempts: i64,
}

/// Of [`super::sql::LOCK`].
#[derive(sqlx::FromRow)]
pub(super) struct Locked {
    pub(super) lease_token: Option<LeaseSeal>,
    pub(super) fence: Fence,
    pub(super) lease_until: Option<Timestamp>,
    pub(super) lease_deadline: Option<Timestamp>,
    pub(super) status: Option<String>,
    pub(super) attempts: Option<i64>,
}

/// Of [`super::sql::REPLIES_OF`].
#[derive(sqlx::FromRow)]
pub(super) struct ReplyRow {
    pub(super) outbox_id: OutboxId,
    pub(super) channel: String,
    pub(super) body: String,
    pub(super) status: String,
    pub(super) attempts: i64,
    pub(super) last_error: Option<String>,
    pub(super) provider_message_id: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) settled_at: Option<Timestamp>,
}
