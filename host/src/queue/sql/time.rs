//! What time does by itself: heads fall due, leases end, finished messages are forgotten.

use crate::store::Sql;

/// What time has done since somebody looked last. $1 now.
pub const LOOK_FOR_WORK_OF_TIME: &str = "
    SELECT
        EXISTS (SELECT 1 FROM heads WHERE state = 'waiting' AND due_at <= $1) AS due,
        EXISTS (SELECT 1 FROM leases WHERE lease_until <= $1) AS expired,
        EXISTS (SELECT 1 FROM agent_profiles WHERE resuming = 1) AS resuming";

/// Heads that have fallen due. On PostgreSQL locked, their conversations first; one that changed a moment ago is left to the next
/// look. $1 now, $2 how many.
pub const PROMOTE: Sql = Sql {
    sqlite: "
    UPDATE heads SET state = 'ready'
    WHERE (tenant_id, conversation_id) IN (
        SELECT tenant_id, conversation_id FROM heads
        WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2)
    RETURNING tenant_id, conversation_id",
    postgres: "
    WITH due AS MATERIALIZED (
        SELECT h.ctid AS row_address FROM heads h
        JOIN conversations c ON c.tenant_id = h.tenant_id AND c.conversation_id = h.conversation_id
        WHERE h.state = 'waiting' AND h.due_at <= $1 ORDER BY h.due_at LIMIT $2 FOR NO KEY UPDATE OF c, h SKIP LOCKED
    )
    UPDATE heads h SET state = 'ready' FROM due WHERE h.ctid = due.row_address
    RETURNING h.tenant_id, h.conversation_id",
};

/// Leases that have ended. On PostgreSQL they are locked, their conversations with them. $1 now, $2 how many.
pub const EXPIRED: Sql = Sql {
    sqlite: "
    SELECT l.tenant_id, l.conversation_id, l.agent_key, c.pool, l.message_id, l.attempts, l.crashes, l.max_attempts, l.fence,
        l.worker_id, l.started_at IS NOT NULL AS started, l.cancelling,
        CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END AS paused, NULL AS row_address
    FROM leases l
    CROSS JOIN conversations c ON c.tenant_id = l.tenant_id AND c.conversation_id = l.conversation_id
    WHERE l.lease_until <= $1
    ORDER BY l.lease_until LIMIT $2",
    postgres: "
    SELECT l.tenant_id, l.conversation_id, l.agent_key, c.pool, l.message_id, l.attempts, l.crashes, l.max_attempts, l.fence,
        l.worker_id, l.started_at IS NOT NULL AS started, l.cancelling,
        CAST(CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END AS BIGINT) AS paused, l.ctid::text AS row_address
    FROM leases l
    JOIN conversations c ON c.tenant_id = l.tenant_id AND c.conversation_id = l.conversation_id
    WHERE l.lease_until <= $1
    ORDER BY l.lease_until LIMIT $2 FOR NO KEY UPDATE OF c, l SKIP LOCKED",
};

/// The moments at which time itself makes a conversation claimable next.
pub const NEXT_TURN: &str = "
    SELECT moment FROM (
        SELECT (SELECT due_at FROM heads WHERE state = 'waiting' ORDER BY due_at LIMIT 1) AS moment
        UNION ALL SELECT (SELECT lease_until FROM leases ORDER BY lease_until LIMIT 1)
    ) AS moments WHERE moment IS NOT NULL ORDER BY moment LIMIT 1";

/// As [`NEXT_TURN`], of lanes.
pub const NEXT_DELIVERY: &str = "
    SELECT moment FROM (
        SELECT (SELECT due_at FROM outbox_lanes WHERE state = 'waiting' ORDER BY due_at LIMIT 1) AS moment
        UNION ALL SELECT (SELECT lease_until FROM outbox_lanes WHERE state = 'leased' ORDER BY lease_until LIMIT 1)
    ) AS moments WHERE moment IS NOT NULL ORDER BY moment LIMIT 1";

/// The first tenant after $1 with messages that finished up to $2.
pub const TENANT_WITH_FINISHED: &str = "
    SELECT t.tenant_id FROM tenants t
    WHERE t.tenant_id > $1 AND EXISTS (
        SELECT 1 FROM finished_messages f WHERE f.tenant_id = t.tenant_id AND f.finished_at <= $2)
    ORDER BY t.tenant_id LIMIT 1";

/// Finished messages of a tenant, oldest first, with nothing of them left to deliver. $1 tenant, $2 finished up to, $3
/// how many.
pub const FINISHED_BEFORE: &str = "
    SELECT f.message_id, f.source, f.source_id FROM finished_messages f
    WHERE f.tenant_id = $1 AND f.finished_at <= $2 AND NOT EXISTS (
        SELECT 1 FROM outbox o
        WHERE o.tenant_id = f.tenant_id AND o.message_id = f.message_id AND o.status || '' = 'pending')
    ORDER BY f.finished_at, f.message_id LIMIT $3";
