//! What a worker does while it holds work, and workers themselves.

use crate::store::Sql;

macro_rules! looks {
    ($lock:literal) => {
        concat!(
            "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.lease_token, c.fence, c.lease_until, c.cancelling, c.worker_id,
        c.message_id, m.message_id AS of_message_id, m.attempts, m.max_attempts, m.ctid::text AS row_address
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    CROSS JOIN LATERAL (
        SELECT q.ctid, q.message_id, q.attempts, q.max_attempts FROM message_queue q
        WHERE q.tenant_id = j.value ->> 0 AND q.message_id = j.value ->> 2 LIMIT 1) m ",
            $lock
        )
    };
}

/// What leases are compared with, to read under them, with the messages they are for. $1 batch of (tenant, conversation,
/// message).
pub const LOOK: Sql = Sql {
    sqlite: "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.lease_token, c.fence, c.lease_until, c.cancelling, c.worker_id,
        c.message_id, m.message_id AS of_message_id, m.attempts, m.max_attempts, NULL AS row_address
    FROM jsonb_each($1) j
    CROSS JOIN conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = j.value ->> 2
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1",
    postgres: looks!(""),
};

/// As [`LOOK`], to write under the leases: conversations are locked, in one order, and read as they are once a wait is
/// over. The messages are not: whatever changes one that is leased has its conversation locked.
pub const LOCK: Sql = Sql {
    sqlite: LOOK.sqlite,
    postgres: looks!("ORDER BY c.tenant_id, c.conversation_id FOR NO KEY UPDATE OF c"),
};

/// $1 tenant, $2 message.
pub const READ_TURN: &str = "
    SELECT payload, trace_id, attempts, max_attempts, crashes, enqueued_at FROM message_queue
    WHERE tenant_id = $1 AND message_id = $2";

/// Messages whose turns run, as far as that was not known. $1 batch of (tenant, message), $2 now.
pub const STARTED: Sql = Sql {
    sqlite: "
    UPDATE message_queue SET started_at = $2
    FROM jsonb_each($1) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1 AND started_at IS NULL",
    postgres: "
    UPDATE message_queue SET started_at = $2
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1 AND started_at IS NULL",
};

/// $1 batch of (tenant, conversation).
pub const LEASES: Sql = Sql {
    sqlite: "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until,
        c.lease_deadline, c.cancelling
    FROM jsonb_each($1) j
    CROSS JOIN conversations c
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1 AND c.state = 'leased'",
    postgres: "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until,
        c.lease_deadline, c.cancelling
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN conversations c
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1 AND c.state = 'leased'
    ORDER BY c.tenant_id, c.conversation_id FOR NO KEY UPDATE OF c",
};

/// $1 batch of (tenant, conversation, lease until).
pub const EXTEND: Sql = Sql {
    sqlite:
        "
    UPDATE conversations SET lease_until = j.value ->> 2
    FROM jsonb_each($1) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
    postgres:
        "
    UPDATE conversations SET lease_until = (j.value ->> 2)::bigint
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
};

/// $1 worker, $2 load, $3 now, $4 pool.
pub const WORKER_BEATS: &str =
    "UPDATE workers SET load = $2, heartbeat_at = $3 WHERE worker_id = $1 AND pool = $4
    RETURNING status";

/// A worker makes itself known, and stays in the pool it first named. $1 worker, $2 pool, $3 now.
pub const WORKER_REGISTERS: &str = "
    INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
    VALUES ($1, $2, 'active', 0, $3, $3)
    ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at
    RETURNING pool";

/// A worker is to stop once it has finished what it has. $1 worker.
pub const DRAIN_WORKER: &str = "
    UPDATE workers SET status = CASE WHEN status = 'active' THEN 'draining' ELSE status END WHERE worker_id = $1";

/// Workers not heard of since $1, at most $2.
pub const PRUNE_WORKERS: Sql = Sql {
    sqlite: "
    DELETE FROM workers WHERE worker_id IN (
        SELECT worker_id FROM workers WHERE heartbeat_at <= $1 ORDER BY heartbeat_at LIMIT $2)",
    postgres: "
    DELETE FROM workers WHERE worker_id IN (
        SELECT worker_id FROM workers WHERE heartbeat_at <= $1 ORDER BY heartbeat_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
};

/// What messages brought. $1 batch of (tenant, message).
pub const PAYLOADS: Sql = Sql {
    sqlite: "
    SELECT m.tenant_id, m.message_id, m.payload FROM jsonb_each($1) j
    CROSS JOIN message_queue m
    WHERE m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1",
    postgres: "
    SELECT m.tenant_id, m.message_id, m.payload
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN message_queue m ON m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1",
};
