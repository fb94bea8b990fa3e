//! What a worker does while it holds work, and workers themselves.

use crate::store::Sql;

/// The columns of a lease, but for what its conversation says.
macro_rules! lease {
    () => {
        "l.tenant_id, l.conversation_id, l.agent_key, l.message_id, l.attempts, l.max_attempts, l.fence, l.worker_id, l.lease_token,
            l.lease_until, l.cancelling, "
    };
}

/// A look at leases by their keys on SQLite; so or so joined.
macro_rules! looks_of_sqlite {
    ($more:literal, $join:literal) => {
        concat!(
            "
    SELECT ",
            lease!(),
            $more,
            ", NULL AS row_address, CAST($1 AS BIGINT) AS now
    FROM jsonb_each($2) j
    CROSS JOIN leases l ON l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1",
            $join
        )
    };
}

/// The same on PostgreSQL. The clock is asked for each row once that is locked.
macro_rules! looks_of_postgres {
    ($more:literal, $join:literal, $lock:literal) => {
        concat!(
            "
    WITH found AS MATERIALIZED (
        SELECT ",
            lease!(),
            $more,
            ", l.ctid::text AS row_address
        FROM (SELECT * FROM unnest($2::text[], $3::text[]) AS u (tenant_id, conversation_id) WHERE tenant_id IS NOT NULL) j ",
            $join,
            "
        JOIN leases l ON l.tenant_id = j.tenant_id AND l.conversation_id = j.conversation_id ",
            $lock,
            "
    )
    SELECT found.*, COALESCE($1, clock_ms()) AS now FROM found"
        )
    };
}

/// What leases are compared with, to read under them. $1 now, NULL on PostgreSQL to ask the clock, $2 columns of (tenant,
/// conversation).
pub const LOOK: Sql = Sql {
    sqlite: looks_of_sqlite!("l.pool, 0 AS paused", ""),
    postgres: looks_of_postgres!("l.pool, 0::bigint AS paused", "", ""),
};

/// As [`LOOK`], to write under the leases: they are locked, in one order, and read as they are once a wait is over.
pub const LOCK_LEASES: Sql = Sql {
    sqlite: LOOK.sqlite,
    postgres: looks_of_postgres!(
        "l.pool, 0::bigint AS paused",
        "",
        "ORDER BY l.tenant_id, l.conversation_id FOR NO KEY UPDATE OF l"
    ),
};

/// As [`LOCK_LEASES`], to end them: their conversations are locked first, and say what comes next of pool and pause.
pub const LOCK: Sql = Sql {
    sqlite: looks_of_sqlite!(
        "c.pool, CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END AS paused",
        "
    CROSS JOIN conversations c ON c.tenant_id = l.tenant_id AND c.conversation_id = l.conversation_id"
    ),
    postgres: looks_of_postgres!(
        "c.pool, (CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END)::bigint AS paused",
        "
        JOIN conversations c ON c.tenant_id = j.tenant_id AND c.conversation_id = j.conversation_id",
        "ORDER BY c.tenant_id, c.conversation_id FOR NO KEY UPDATE OF c, l"
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
    WHERE leases.tenant_id = j.value ->> 0 AND leases.conversation_id = j.value ->> 1 AND started_at IS NULL",
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
    SELECT l.tenant_id, l.conversation_id, l.agent_key, l.message_id, l.lease_token, l.fence, l.lease_until, l.lease_deadline,
        l.cancelling
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN leases l
    WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1
    ORDER BY l.tenant_id, l.conversation_id FOR NO KEY UPDATE OF l",
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
    WHERE leases.tenant_id = j.value ->> 0 AND leases.conversation_id = j.value ->> 1",
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
