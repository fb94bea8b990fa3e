//! What a worker does while it holds work, and workers themselves.

use crate::store::Sql;

/// What a lease is compared with.
macro_rules! lease {
    () => {
        "l.tenant_id, l.conversation_id, l.agent_key, l.message_id, l.fence, l.lease_token, l.lease_until"
    };
}

/// As [`lease`], with what is to be known of it to end it.
macro_rules! lease_to_end {
    () => {
        concat!(
            lease!(),
            ", l.attempts, l.max_attempts, l.worker_id, l.cancelling, c.pool,
            CAST(CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END AS BIGINT) AS paused"
        )
    };
}

/// Leases by their keys on PostgreSQL, in one order, so or so. The clock is asked for each row once that is locked.
macro_rules! found {
    ($columns:expr, $from:literal, $lock:literal) => {
        concat!(
            "
    WITH found AS MATERIALIZED (
        SELECT r.*
        FROM (
            SELECT * FROM unnest($2::text[], $3::text[]) AS u (tenant_id, conversation_id)
            ORDER BY tenant_id COLLATE \"C\", conversation_id COLLATE \"C\") j
        CROSS JOIN LATERAL (
            SELECT ",
            $columns,
            $from,
            " LIMIT 1 ",
            $lock,
            ") r
    )
    SELECT found.*, COALESCE($1, clock_ms()) AS now FROM found"
        )
    };
}

/// What leases are compared with, to read under them. $1 now, NULL on PostgreSQL to ask the clock, $2 columns of (tenant,
/// conversation).
pub const LOOK: Sql = Sql {
    sqlite: concat!(
        "
    SELECT ",
        lease!(),
        ", CAST($1 AS BIGINT) AS now
    FROM jsonb_each($2) j
    CROSS JOIN leases l ON l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1"
    ),
    postgres: found!(
        lease!(),
        "
            FROM leases l WHERE l.tenant_id = j.tenant_id AND l.conversation_id = j.conversation_id",
        ""
    ),
};

/// As [`LOOK`], to write under the leases: they are locked, and read as they are once a wait is over.
pub const LOCK_LEASES: Sql = Sql {
    sqlite: LOOK.sqlite,
    postgres: found!(
        lease!(),
        "
            FROM leases l WHERE l.tenant_id = j.tenant_id AND l.conversation_id = j.conversation_id",
        "FOR NO KEY UPDATE OF l"
    ),
};

/// As [`LOCK_LEASES`], to end them: their conversations are locked first, and say what comes next of pool and pause.
pub const LOCK: Sql = Sql {
    sqlite: concat!(
        "
    SELECT ",
        lease_to_end!(),
        ", NULL AS row_address, CAST($1 AS BIGINT) AS now
    FROM jsonb_each($2) j
    CROSS JOIN leases l ON l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1
    CROSS JOIN conversations c ON c.tenant_id = l.tenant_id AND c.conversation_id = l.conversation_id"
    ),
    postgres: found!(
        concat!(lease_to_end!(), ", l.ctid::text AS row_address"),
        "
            FROM conversations c
            JOIN leases l ON l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id
            WHERE c.tenant_id = j.tenant_id AND c.conversation_id = j.conversation_id",
        "FOR NO KEY UPDATE OF c, l"
    ),
};

/// $1 tenant, $2 message.
pub const READ_TURN: &str = "
    SELECT payload, trace_id, attempts, max_attempts, crashes, enqueued_at FROM message_queue
    WHERE tenant_id = $1 AND message_id = $2";

/// Leases whose turns run, as far as that was not known. $1 batch of (tenant, conversation), $2 now.
pub const STARTED: Sql = Sql {
    sqlite: "
    UPDATE leases SET started_at = $2
    FROM jsonb_each($1) j
    WHERE leases.tenant_id = j.value ->> 0 AND leases.conversation_id = j.value ->> 1 AND started_at IS NULL",
    postgres: "
    UPDATE leases SET started_at = $2
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT l.ctid AS row_address FROM leases l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1 LIMIT 1) r
    WHERE leases.ctid = r.row_address AND started_at IS NULL",
};

/// $1 batch of (tenant, conversation).
pub const LEASES: Sql = Sql {
    sqlite: "
    SELECT l.tenant_id, l.conversation_id, l.agent_key, l.message_id, l.lease_token, l.fence, l.lease_until, l.lease_deadline,
        l.cancelling
    FROM jsonb_each($1) j
    CROSS JOIN leases l
    WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1",
    postgres: "
    SELECT r.*
    FROM (
        SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array'
        ORDER BY (value ->> 0) COLLATE \"C\", (value ->> 1) COLLATE \"C\") j
    CROSS JOIN LATERAL (
        SELECT l.tenant_id, l.conversation_id, l.agent_key, l.message_id, l.lease_token, l.fence, l.lease_until,
            l.lease_deadline, l.cancelling
        FROM leases l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1 LIMIT 1 FOR NO KEY UPDATE) r",
};

/// $1 batch of (tenant, conversation, lease until).
pub const EXTEND: Sql = Sql {
    sqlite: "
    UPDATE leases SET lease_until = j.value ->> 2
    FROM jsonb_each($1) j
    WHERE leases.tenant_id = j.value ->> 0 AND leases.conversation_id = j.value ->> 1",
    postgres: "
    UPDATE leases SET lease_until = (j.value ->> 2)::bigint
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT l.ctid AS row_address FROM leases l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1 LIMIT 1) r
    WHERE leases.ctid = r.row_address",
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
    SELECT r.*
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT m.tenant_id, m.message_id, m.payload FROM message_queue m
        WHERE m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1 LIMIT 1) r",
};
