//! What time does by itself: heads fall due, leases end, finished messages are forgotten.

use crate::store::Sql;

/// What time has done since somebody looked last. $1 now.
pub const LOOK_FOR_WORK_OF_TIME: &str = "
    SELECT
        EXISTS (SELECT 1 FROM conversations WHERE state = 'waiting' AND due_at <= $1) AS due,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'leased' AND lease_until <= $1) AS expired,
        EXISTS (SELECT 1 FROM agent_profiles WHERE resuming = 1) AS resuming";

/// $1 now, $2 how many.
pub const PROMOTE: Sql = Sql {
    sqlite: "
    UPDATE conversations SET state = 'ready'
    WHERE (tenant_id, conversation_id) IN (
        SELECT tenant_id, conversation_id FROM conversations
        WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2)",
    postgres: "
    WITH due AS MATERIALIZED (
        SELECT tenant_id, conversation_id FROM conversations
        WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE conversations c SET state = 'ready' FROM due
    WHERE c.tenant_id = due.tenant_id AND c.conversation_id = due.conversation_id",
};

/// Conversations whose leases have ended, locked. What is known of their messages is read by [`EXPIRED_MESSAGES`], as it is once
/// they are locked: a turn that began while the lock was waited for has begun. $1 now, $2 how many.
pub const EXPIRED: Sql = Sql {
    sqlite: "
    SELECT c.tenant_id, c.conversation_id, c.message_id, c.fence, c.worker_id, c.cancelling FROM conversations c
    WHERE c.state = 'leased' AND c.lease_until <= $1
    ORDER BY c.lease_until LIMIT $2",
    postgres: "
    SELECT c.tenant_id, c.conversation_id, c.message_id, c.fence, c.worker_id, c.cancelling FROM conversations c
    WHERE c.state = 'leased' AND c.lease_until <= $1
    ORDER BY c.lease_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
};

/// $1 batch of (tenant, message).
pub const EXPIRED_MESSAGES: Sql = Sql {
    sqlite: "
    SELECT m.tenant_id, m.message_id, m.started_at IS NOT NULL AS started, m.attempts, m.crashes, m.max_attempts
    FROM jsonb_each($1) j
    CROSS JOIN message_queue m
    WHERE m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1",
    postgres: "
    SELECT m.tenant_id, m.message_id, m.started_at IS NOT NULL AS started, m.attempts, m.crashes, m.max_attempts
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN message_queue m ON m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1",
};

/// The moments at which time itself makes a conversation claimable next.
pub const NEXT_TURN: &str = "
    SELECT moment FROM (
        SELECT (SELECT due_at FROM conversations WHERE state = 'waiting' ORDER BY due_at LIMIT 1) AS moment
        UNION ALL SELECT (SELECT lease_until FROM conversations WHERE state = 'leased' ORDER BY lease_until LIMIT 1)
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
