//! Turns end.

use crate::store::Sql;

/// Messages that are done or cancelled, written where they stay for a while; [`LEAVE_QUEUE`] takes them from where they were.
/// On PostgreSQL one statement does both. $1 now, $2 columns of (tenant, message, outcome, token).
pub const FINISH: Sql = Sql {
    sqlite: "
    INSERT INTO finished_messages (tenant_id, message_id, conversation_id, seq, outcome, source, source_id, trace_id,
        attempts, crashes, max_attempts, last_error, settled_token, enqueued_at, finished_at)
    SELECT m.tenant_id, m.message_id, m.conversation_id, m.seq, j.value ->> 2, m.source, m.source_id, m.trace_id,
        m.attempts, m.crashes, m.max_attempts, m.last_error, j.value ->> 3, m.enqueued_at, $1
    FROM jsonb_each($2) j
    JOIN message_queue m ON m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1",
    postgres: "
    WITH gone AS (
        DELETE FROM message_queue m
        USING (
            SELECT u.outcome, u.settled_token, r.row_address
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS u (tenant_id, message_id, outcome, settled_token)
            CROSS JOIN LATERAL (
                SELECT q.ctid AS row_address FROM message_queue q
                WHERE q.tenant_id = u.tenant_id AND q.message_id = u.message_id LIMIT 1) r) j
        WHERE m.ctid = j.row_address
        RETURNING m.tenant_id, m.message_id, m.conversation_id, m.seq, j.outcome, m.source, m.source_id, m.trace_id, m.attempts,
            m.crashes, m.max_attempts, m.last_error, j.settled_token, m.enqueued_at
    )
    INSERT INTO finished_messages (tenant_id, message_id, conversation_id, seq, outcome, source, source_id, trace_id,
        attempts, crashes, max_attempts, last_error, settled_token, enqueued_at, finished_at)
    SELECT tenant_id, message_id, conversation_id, seq, outcome, source, source_id, trace_id, attempts, crashes, max_attempts,
        last_error, settled_token, enqueued_at, $1
    FROM gone",
};

/// SQLite's second half of [`FINISH`]. $1 its columns.
pub const LEAVE_QUEUE: &str = "
    DELETE FROM message_queue WHERE (tenant_id, message_id) IN (
        SELECT j.value ->> 0, j.value ->> 1 FROM jsonb_each($1) j)";

/// By which leases messages were completed. $1 batch of (tenant, message).
pub const COMPLETED_BEFORE: Sql = Sql {
    sqlite: "
    SELECT f.tenant_id, f.message_id, f.settled_token FROM jsonb_each($1) j
    CROSS JOIN finished_messages f
    WHERE f.tenant_id = j.value ->> 0 AND f.message_id = j.value ->> 1 AND f.outcome = 'done'
        AND f.settled_token IS NOT NULL",
    postgres: "
    SELECT f.tenant_id, f.message_id, f.settled_token
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN finished_messages f ON f.tenant_id = j.value ->> 0 AND f.message_id = j.value ->> 1
    WHERE f.outcome = 'done' AND f.settled_token IS NOT NULL",
};

/// How attempts ended that did not settle their messages. $1 batch of (tenant, message, fence, attempt, outcome, error,
/// worker), $2 now.
pub const RECORD_ATTEMPTS: Sql = Sql {
    sqlite: "
    INSERT INTO message_attempts (tenant_id, message_id, fence, attempt, outcome, error, worker_id, ended_at)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5, j.value ->> 6, $2
    FROM jsonb_each($1) j WHERE true ON CONFLICT DO NOTHING",
    postgres: "
    INSERT INTO message_attempts (tenant_id, message_id, fence, attempt, outcome, error, worker_id, ended_at)
    SELECT j.value ->> 0, j.value ->> 1, (j.value ->> 2)::bigint, (j.value ->> 3)::bigint, j.value ->> 4, j.value ->> 5,
        j.value ->> 6, $2
    FROM jsonb_array_elements($1::jsonb) j ON CONFLICT DO NOTHING",
};

/// Messages back in their places, or given up. $1 batch of (tenant, message, status, attempts more, crashes more, not
/// before, error, finished at); a NULL `not before` or error leaves what is there.
pub const PUT_BACK: Sql = Sql {
    sqlite: "
    UPDATE message_queue SET status = j.value ->> 2, attempts = attempts + (j.value ->> 3),
        crashes = crashes + (j.value ->> 4), not_before = COALESCE(j.value ->> 5, not_before),
        last_error = COALESCE(j.value ->> 6, last_error), finished_at = j.value ->> 7
    FROM jsonb_each($1) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1",
    postgres: "
    UPDATE message_queue SET status = j.value ->> 2, attempts = attempts + (j.value ->> 3)::bigint,
        crashes = crashes + (j.value ->> 4)::bigint, not_before = COALESCE((j.value ->> 5)::bigint, not_before),
        last_error = COALESCE(j.value ->> 6, last_error), finished_at = (j.value ->> 7)::bigint
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT q.ctid AS row_address FROM message_queue q
        WHERE q.tenant_id = j.value ->> 0 AND q.message_id = j.value ->> 1 LIMIT 1) r
    WHERE message_queue.ctid = r.row_address",
};
