use crate::domain::{
    AgentKey, ConversationId, Fence, LeaseSeal, MessageId, Pool, TenantId, Timestamp, TraceId,
    WorkerId,
};

/// Of [`super::sql::LOOK_BEFORE_ENQUEUE`].
#[derive(Default, sqlx::FromRow)]
pub(super) struct Looked {
    /// None where there is no such agent.
    pub(super) enabled: Option<i64>,
    pub(super) pool: Option<Pool>,
    pub(super) parked: Option<bool>,
    pub(super) bound_to: Option<AgentKey>,
    pub(super) first_message_id: Option<MessageId>,
    pub(super) first_digest: Option<String>,
}

/// Of [`super::sql::TAKE_PLACES`].
#[derive(sqlx::FromRow)]
pub(super) struct Place {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) paused: bool,
    pub(super) next_seq: i64,
    pub(super) last_available_at: Timestamp,
}

/// Of [`super::sql::LOOK_FOR_WORK_OF_TIME`].
#[derive(sqlx::FromRow)]
pub(super) struct WorkOfTime {
    pub(super) due: bool,
    pub(super) expired: bool,
    pub(super) resuming: bool,
}

impl WorkOfTime {
    pub(super) const fn is_any(&self) -> bool {
        self.due || self.expired || self.resuming
    }
}

/// Of [`super::sql::BUSY`].
#[derive(sqlx::FromRow)]
pub(super) struct Busy {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    /// `waiting`, `ready`, `held` or `leased`.
    pub(super) state: String,
    pub(super) pool: Pool,
}

/// Of [`super::sql::EXPIRED`].
#[derive(sqlx::FromRow)]
pub(super) struct Expired {
    pub(super) message_id: MessageId,
    pub(super) attempts: i64,
    pub(super) crashes: i64,
    pub(super) max_attempts: i64,
    pub(super) fence: Fence,
    pub(super) worker_id: WorkerId,
    pub(super) started: bool,
    pub(super) cancelling: i64,
    #[sqlx(flatten)]
    pub(super) ending: Ending,
}

/// What is to be known of a lease to end it. Its conversation is locked with it.
#[derive(Clone, sqlx::FromRow)]
pub(super) struct Ending {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    /// The conversation's, and so its next head's.
    pub(super) pool: Pool,
    /// Whether somebody paused the conversation.
    pub(super) paused: i64,
    /// Where the lease's row lies, on PostgreSQL; good while the transaction has it locked and has not written it.
    pub(super) row_address: Option<String>,
}

/// Of [`super::sql::LOOK_BEFORE_CLAIM`].
#[derive(sqlx::FromRow)]
pub(super) struct Turn {
    /// `''` before the first: no tenant's id, and before each of them.
    pub(super) tenant_id: String,
    pub(super) suspect_tenant_id: String,
    pub(super) suspect_last: i64,
    pub(super) suspects: bool,
    pub(super) runs_suspect: bool,
    /// The pool the worker belongs to; none where it is not known yet.
    pub(super) worker_pool: Option<Pool>,
    pub(super) worker_status: Option<String>,
    pub(super) worker_load: Option<i64>,
    pub(super) worker_heartbeat_at: Option<Timestamp>,
    #[sqlx(flatten)]
    pub(super) work: WorkOfTime,
    pub(super) now: Timestamp,
}

/// Of [`super::sql::TENANTS_IN_TURN`].
#[derive(sqlx::FromRow)]
pub(super) struct InTurn {
    pub(super) tenant_id: TenantId,
    /// How many more messages it may have in flight; below 0 where claims overshot.
    pub(super) room: i64,
}

/// Of [`super::sql::READY`].
#[derive(sqlx::FromRow)]
pub(super) struct Candidate {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) message_id: MessageId,
    pub(super) trace_id: TraceId,
    pub(super) attempts: i64,
    pub(super) crashes: i64,
    /// It is not to run yet: the clock has stepped back.
    pub(super) early: bool,
    pub(super) held: bool,
    /// Of the lease, should it get one.
    pub(super) fence: Fence,
    /// Where the row lies, on PostgreSQL; good while the transaction has it locked and has not written it.
    pub(super) row_address: Option<String>,
}

/// Of [`super::sql::LOOK`] and [`super::sql::LOCK_LEASES`].
#[derive(Clone, sqlx::FromRow)]
pub(super) struct LeaseRow {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) message_id: MessageId,
    pub(super) fence: Fence,
    pub(super) lease_token: LeaseSeal,
    pub(super) lease_until: Timestamp,
    /// When the row was locked, or read.
    pub(super) now: Timestamp,
}

impl AsRef<Self> for LeaseRow {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Of [`super::sql::LOCK`].
#[derive(Clone, sqlx::FromRow)]
pub(super) struct Locked {
    #[sqlx(flatten)]
    pub(super) lease: LeaseRow,
    pub(super) attempts: i64,
    pub(super) max_attempts: i64,
    pub(super) worker_id: WorkerId,
    pub(super) cancelling: i64,
    #[sqlx(flatten)]
    pub(super) ending: Ending,
}

impl AsRef<LeaseRow> for Locked {
    fn as_ref(&self) -> &LeaseRow {
        &self.lease
    }
}

/// Of [`super::sql::READ_TURN`].
#[derive(sqlx::FromRow)]
pub(super) struct TurnRow {
    pub(super) payload: String,
    pub(super) trace_id: TraceId,
    pub(super) attempts: i64,
    pub(super) max_attempts: i64,
    pub(super) crashes: i64,
    pub(super) enqueued_at: Timestamp,
}

/// Of [`super::sql::LEASES`].
#[derive(sqlx::FromRow)]
pub(super) struct Held {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) message_id: MessageId,
    pub(super) lease_token: LeaseSeal,
    pub(super) fence: Fence,
    pub(super) lease_until: Timestamp,
    pub(super) lease_deadline: Timestamp,
    pub(super) cancelling: i64,
}

/// Of [`super::sql::HELD_BY_WORKER`].
#[derive(sqlx::FromRow)]
pub(super) struct HeldByWorker {
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) message_id: MessageId,
    pub(super) lease_token: LeaseSeal,
    pub(super) fence: Fence,
    pub(super) lease_until: Timestamp,
    pub(super) suspect: i64,
    pub(super) trace_id: TraceId,
    pub(super) attempts: i64,
    pub(super) crashes: i64,
}

/// One row of [`super::sql::PUT_BACK`]: tenant, message, status, attempts more, crashes more, not before, error,
/// finished at.
pub(super) type PutBack<'a> = (
    &'a TenantId,
    &'a MessageId,
    &'static str,
    i64,
    i64,
    Option<Timestamp>,
    Option<&'a str>,
    Option<Timestamp>,
);

/// Of [`super::sql::CONVERSATIONS`].
#[derive(sqlx::FromRow)]
pub(super) struct LockedConversation {
    pub(super) conversation_id: ConversationId,
    /// The message a worker has of it.
    pub(super) leased: Option<MessageId>,
    pub(super) last_available_at: Timestamp,
}

/// Of [`super::sql::MESSAGE_STATUS`] and [`super::sql::FINISHED_STATUS`].
#[derive(sqlx::FromRow)]
pub(super) struct StatusRow {
    pub(super) conversation_id: ConversationId,
    pub(super) agent_key: AgentKey,
    pub(super) status: String,
    pub(super) attempts: i64,
    pub(super) crashes: i64,
    pub(super) max_attempts: i64,
    pub(super) last_error: Option<String>,
    pub(super) enqueued_at: Timestamp,
    pub(super) not_before: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) held_reason: Option<String>,
    pub(super) leased: bool,
}

/// Of [`super::sql::STATS_OF_POOL`] and its sibling.
#[derive(sqlx::FromRow)]
pub(super) struct StatsRow {
    pub(super) ready: i64,
    pub(super) waiting: i64,
    pub(super) leased: i64,
    pub(super) held: i64,
    pub(super) oldest_due_at: Option<Timestamp>,
    pub(super) dead_letters: i64,
    pub(super) lanes: i64,
}
