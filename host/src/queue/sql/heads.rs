//! What a conversation waits for, computed from its head.

use crate::store::Sql;

macro_rules! rehead {
    ($lock:literal) => {
        concat!(
            "
    WITH named AS MATERIALIZED (
        SELECT c.ctid AS row_address, c.tenant_id, c.conversation_id, c.agent_key, c.paused_reason
        FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
        JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    ), held AS MATERIALIZED (
        SELECT a.tenant_id, a.agent_key
        FROM (SELECT DISTINCT tenant_id, agent_key FROM named ORDER BY tenant_id, agent_key) n
        CROSS JOIN LATERAL (
            SELECT p.tenant_id, p.agent_key FROM agent_profiles p
            WHERE p.tenant_id = n.tenant_id AND p.agent_key = n.agent_key AND (p.held_reason IS NOT NULL OR p.paused = 1) ",
            $lock,
            ") a
    )
    UPDATE conversations SET
        state = CASE WHEN h.message_id IS NULL THEN 'idle' WHEN h.held THEN 'held'
            WHEN h.not_before > $2 THEN 'waiting' ELSE 'ready' END,
        due_at = CASE WHEN h.message_id IS NULL OR h.held THEN NULL ELSE COALESCE(h.not_before, h.available_at) END,
        priority = COALESCE(h.priority, conversations.priority),
        suspect = CASE WHEN h.crashes > 0 THEN 1 ELSE 0 END,
        message_id = NULL, worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL,
        cancelling = 0
    FROM (
        SELECT c.row_address, a.agent_key IS NOT NULL OR c.paused_reason IS NOT NULL AS held,
            m.message_id, m.not_before, m.available_at, m.priority, m.crashes
        FROM named c
        LEFT JOIN held a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
        LEFT JOIN LATERAL (
            SELECT q.message_id, q.not_before, q.available_at, q.priority, q.crashes FROM message_queue q
            WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
            ORDER BY q.available_at, q.seq LIMIT 1) m ON true
    ) AS h
    WHERE conversations.ctid = h.row_address
    RETURNING state"
        )
    };
}

/// Take conversations' leases away, where they have one, and compute what each waits for now from its head. The
/// conversations are locked. On PostgreSQL a held agent is locked too until this has committed: a resume at the same
/// moment would not see the conversation that is parked here, and leave it parked. Where somebody has the agent locked, the
/// conversation is not parked but left ready, so that nobody waits: the next claim finds the agent as it is then. $1 batch of (tenant, conversation),
/// $2 now.
pub const REHEAD: Sql = Sql {
    sqlite: "
    UPDATE conversations SET
        state = CASE WHEN h.message_id IS NULL THEN 'idle' WHEN h.held = 1 THEN 'held'
            WHEN h.not_before > $2 THEN 'waiting' ELSE 'ready' END,
        due_at = CASE WHEN h.message_id IS NULL OR h.held = 1 THEN NULL ELSE COALESCE(h.not_before, h.available_at) END,
        priority = COALESCE(h.priority, conversations.priority),
        suspect = CASE WHEN h.crashes > 0 THEN 1 ELSE 0 END,
        message_id = NULL, worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL,
        cancelling = 0
    FROM (
        SELECT c.tenant_id, c.conversation_id, CASE WHEN a.held_reason IS NULL AND a.paused = 0 AND c.paused_reason IS NULL THEN 0 ELSE 1 END AS held,
            m.message_id, m.not_before, m.available_at, m.priority, m.crashes
        FROM jsonb_each($1) j
        CROSS JOIN conversations c
        JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
        LEFT JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = (
            SELECT q.message_id FROM message_queue q
            WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
            ORDER BY q.available_at, q.seq LIMIT 1)
        WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    ) AS h
    WHERE conversations.tenant_id = h.tenant_id AND conversations.conversation_id = h.conversation_id
    RETURNING state",
    postgres: rehead!("FOR SHARE SKIP LOCKED"),
};

/// As [`REHEAD`], for a transaction that may write the agent's row later: two that shared its lock would wait for each
/// other then. It waits for the agent; a batch over several has locked them before, in one order.
pub const REHEAD_THEN_WRITE_AGENT: Sql = Sql {
    sqlite: REHEAD.sqlite,
    postgres: rehead!("FOR NO KEY UPDATE"),
};
