//! The statements of the outbox. Public so that tests can look at how the database runs them. What differs between the
//! databases by necessity, batches and locks, is as in `queue/sql.rs`; here the row that is locked is the lane's.

use crate::store::Sql;

/// $1 tenant, $2 conversation, $3 how many rows, $4 whether any of them is to be sent, $5 now.
pub const TAKE_PLACES: &str = "
    INSERT INTO outbox_lanes AS l (tenant_id, conversation_id, pool, state, next_seq, due_at, fence)
    SELECT tenant_id, conversation_id, pool, CASE WHEN $4 = 1 THEN 'ready' ELSE 'idle' END, 1 + $3,
        CASE WHEN $4 = 1 THEN $5 END, 0
    FROM conversations WHERE tenant_id = $1 AND conversation_id = $2
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
        next_seq = l.next_seq + $3,
        pool = excluded.pool,
        state = CASE WHEN l.state = 'idle' THEN excluded.state ELSE l.state END,
        due_at = CASE WHEN l.state = 'idle' THEN excluded.due_at ELSE l.due_at END
    RETURNING next_seq - $3 AS first_seq";

/// $1 batch of (outbox, seq, channel, body, status, settled at), $2 tenant, $3 conversation, $4 message, $5 now.
pub const INSERT: Sql = Sql {
    sqlite: "
    INSERT INTO outbox (tenant_id, outbox_id, conversation_id, seq, message_id, trace_id, channel, body, status,
        attempts, created_at, settled_at)
    SELECT $2, j.value ->> 0, $3, j.value ->> 1, $4, $6, j.value ->> 2, j.value ->> 3, j.value ->> 4, 0, $5,
        j.value ->> 5
    FROM jsonb_each($1) j WHERE true",
    postgres: "
    INSERT INTO outbox (tenant_id, outbox_id, conversation_id, seq, message_id, trace_id, channel, body, status,
        attempts, created_at, settled_at)
    SELECT $2, j.value ->> 0, $3, (j.value ->> 1)::bigint, $4, $6, j.value ->> 2, j.value ->> 3, j.value ->> 4, 0, $5,
        (j.value ->> 5)::bigint
    FROM jsonb_array_elements($1::jsonb) j",
};

/// What time has done since somebody looked last. $1 now.
pub const LOOK_FOR_WORK_OF_TIME: &str = "
    SELECT
        EXISTS (SELECT 1 FROM outbox_lanes WHERE state = 'waiting' AND due_at <= $1) AS due,
        EXISTS (SELECT 1 FROM outbox_lanes WHERE state = 'leased' AND lease_until <= $1) AS expired";

/// $1 now, $2 how many.
pub const PROMOTE: Sql = Sql {
    sqlite: "
    UPDATE outbox_lanes SET state = 'ready'
    WHERE (tenant_id, conversation_id) IN (
        SELECT tenant_id, conversation_id FROM outbox_lanes
        WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2)",
    postgres: "
    WITH due AS MATERIALIZED (
        SELECT tenant_id, conversation_id FROM outbox_lanes
        WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE outbox_lanes l SET state = 'ready' FROM due
    WHERE l.tenant_id = due.tenant_id AND l.conversation_id = due.conversation_id",
};

/// $1 now, $2 how many.
pub const EXPIRED: Sql = Sql {
    sqlite: "
    SELECT tenant_id, conversation_id FROM outbox_lanes
    WHERE state = 'leased' AND lease_until <= $1 ORDER BY lease_until LIMIT $2",
    postgres: "
    SELECT tenant_id, conversation_id FROM outbox_lanes
    WHERE state = 'leased' AND lease_until <= $1 ORDER BY lease_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
};

/// Take lanes' leases away and compute what each waits for now. $1 batch of (tenant, conversation), $2 now.
pub const RELEASE: Sql = Sql {
    sqlite: "
    UPDATE outbox_lanes SET
        state = CASE WHEN h.pending = 1 THEN 'ready' ELSE 'idle' END,
        due_at = CASE WHEN h.pending = 1 THEN $2 END,
        worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL
    FROM (
        SELECT l.tenant_id, l.conversation_id, CASE WHEN EXISTS (
            SELECT 1 FROM outbox o WHERE o.tenant_id = l.tenant_id
                AND o.conversation_id = l.conversation_id AND o.status = 'pending') THEN 1 ELSE 0 END AS pending
        FROM jsonb_each($1) j
        CROSS JOIN outbox_lanes l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1
    ) AS h
    WHERE outbox_lanes.tenant_id = h.tenant_id AND outbox_lanes.conversation_id = h.conversation_id
    RETURNING state",
    postgres: "
    UPDATE outbox_lanes SET
        state = CASE WHEN h.pending = 1 THEN 'ready' ELSE 'idle' END,
        due_at = CASE WHEN h.pending = 1 THEN $2::bigint END,
        worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL
    FROM (
        SELECT l.tenant_id, l.conversation_id, CASE WHEN EXISTS (
            SELECT 1 FROM outbox o WHERE o.tenant_id = l.tenant_id
                AND o.conversation_id = l.conversation_id AND o.status = 'pending') THEN 1 ELSE 0 END AS pending
        FROM jsonb_array_elements($1::jsonb) j
        CROSS JOIN outbox_lanes l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1
    ) AS h
    WHERE outbox_lanes.tenant_id = h.tenant_id AND outbox_lanes.conversation_id = h.conversation_id
    RETURNING state",
};

/// The lane waits for its head to be tried again. $1 tenant, $2 conversation, $3 until.
pub const BACK_OFF: &str = "
    UPDATE outbox_lanes SET state = 'waiting', due_at = $3,
        worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL
    WHERE tenant_id = $1 AND conversation_id = $2";

/// $1 pool, $2 how many.
pub const READY_LANES: Sql = Sql {
    sqlite: "
    SELECT tenant_id, conversation_id, fence FROM outbox_lanes
    WHERE state = 'ready' AND pool = $1 ORDER BY due_at LIMIT $2",
    postgres: "
    SELECT tenant_id, conversation_id, fence FROM outbox_lanes
    WHERE state = 'ready' AND pool = $1 ORDER BY due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
};

/// $1 batch of (tenant, conversation, token), $2 worker, $3 lease until, $4 deadline.
pub const LEASE: Sql = Sql {
    sqlite: "
    UPDATE outbox_lanes SET state = 'leased', due_at = NULL, fence = fence + 1, lease_token = j.value ->> 2,
        worker_id = $2, lease_until = $3, lease_deadline = $4
    FROM jsonb_each($1) j
    WHERE outbox_lanes.tenant_id = j.value ->> 0 AND outbox_lanes.conversation_id = j.value ->> 1",
    postgres: "
    UPDATE outbox_lanes SET state = 'leased', due_at = NULL, fence = fence + 1, lease_token = j.value ->> 2,
        worker_id = $2, lease_until = $3, lease_deadline = $4
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE outbox_lanes.tenant_id = j.value ->> 0 AND outbox_lanes.conversation_id = j.value ->> 1",
};

/// What a worker holds. $1 worker, $2 now.
pub const HELD_BY_WORKER: &str = "
    SELECT tenant_id, conversation_id, lease_token, fence, lease_until FROM outbox_lanes
    WHERE state = 'leased' AND lease_until > $2 AND worker_id = $1
    ORDER BY tenant_id, conversation_id";

/// The first rows of each lane. $1 batch of (tenant, conversation), $2 how many of each.
pub const PENDING: Sql = Sql {
    sqlite: "
    SELECT o.tenant_id, o.conversation_id, o.outbox_id, o.message_id, o.trace_id, o.channel, o.body, o.attempts
    FROM jsonb_each($1) j
    CROSS JOIN outbox o
    WHERE (o.tenant_id, o.outbox_id) IN (
        SELECT p.tenant_id, p.outbox_id FROM outbox p
        WHERE p.tenant_id = j.value ->> 0 AND p.conversation_id = j.value ->> 1 AND p.status = 'pending'
        ORDER BY p.seq LIMIT $2)
    ORDER BY j.key, o.seq",
    postgres: "
    SELECT o.tenant_id, o.conversation_id, o.outbox_id, o.message_id, o.trace_id, o.channel, o.body, o.attempts
    FROM (
        SELECT value, key FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e (value, key)
        WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT p.* FROM outbox p
        WHERE p.tenant_id = j.value ->> 0 AND p.conversation_id = j.value ->> 1 AND p.status = 'pending'
        ORDER BY p.seq LIMIT $2) o
    ORDER BY j.key, o.seq",
};

/// On PostgreSQL, before [`LOCK`] reads: lanes locked, always in the same order. $1 batch of (tenant, conversation).
pub const LOCK_LANES: &str = "
    SELECT l.conversation_id
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN outbox_lanes l ON l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1
    ORDER BY l.tenant_id, l.conversation_id FOR NO KEY UPDATE OF l";

/// A lane, and one of its rows where there is such a row. $1 tenant, $2 conversation, $3 outbox.
pub const LOCK: &str = "
    SELECT l.lease_token, l.fence, l.lease_until, l.lease_deadline, o.status, o.attempts
    FROM outbox_lanes l
    LEFT JOIN outbox o ON o.tenant_id = l.tenant_id AND o.outbox_id = $3 AND o.conversation_id = l.conversation_id
    WHERE l.tenant_id = $1 AND l.conversation_id = $2";

/// $1 tenant, $2 outbox, $3 the provider's id, $4 now.
pub const DELIVERED: &str = "
    UPDATE outbox SET status = 'delivered', provider_message_id = $3, settled_at = $4
    WHERE tenant_id = $1 AND outbox_id = $2";

/// $1 tenant, $2 outbox, $3 status, $4 error, $5 settled at.
pub const FAILED: &str = "
    UPDATE outbox SET status = $3, attempts = attempts + 1, last_error = $4, settled_at = $5
    WHERE tenant_id = $1 AND outbox_id = $2";

/// $1 tenant, $2 conversation.
pub const ANY_PENDING: &str = "
    SELECT EXISTS (SELECT 1 FROM outbox WHERE tenant_id = $1 AND conversation_id = $2 AND status = 'pending')";

/// $1 tenant, $2 conversation, $3 lease until.
pub const EXTEND: &str = "
    UPDATE outbox_lanes SET lease_until = $3 WHERE tenant_id = $1 AND conversation_id = $2";

/// $1 tenant, $2 message.
pub const REPLIES_OF: &str = "
    SELECT outbox_id, channel, body, status, attempts, last_error, provider_message_id, created_at, settled_at
    FROM outbox WHERE tenant_id = $1 AND message_id = $2 ORDER BY seq";
