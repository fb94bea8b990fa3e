//! Messages come in.

use crate::store::Sql;

/// What each message of a batch is for, what its source brought before under its id, and the agent its conversation is
/// bound to. $1 batch of (tenant, agent, conversation, source, source id).
pub const LOOK_BEFORE_ENQUEUE: Sql = Sql {
    sqlite: "
    SELECT a.enabled, a.pool, a.held_reason IS NOT NULL OR a.paused = 1 AS parked, c.agent_key AS bound_to,
        s.message_id AS first_message_id, s.digest AS first_digest
    FROM jsonb_each($1) j
    LEFT JOIN agent_profiles a ON a.tenant_id = j.value ->> 0 AND a.agent_key = j.value ->> 1
    LEFT JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 2
    LEFT JOIN message_sources s ON s.tenant_id = j.value ->> 0 AND s.source = j.value ->> 3 AND s.source_id = j.value ->> 4
    ORDER BY j.key",
    postgres: "
    SELECT a.enabled, a.pool, a.held_reason IS NOT NULL OR a.paused = 1 AS parked, c.agent_key AS bound_to,
        s.message_id AS first_message_id, s.digest AS first_digest
    FROM (
        SELECT value, key FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e (value, key)
        WHERE jsonb_typeof(value) = 'array') j
    LEFT JOIN agent_profiles a ON a.tenant_id = j.value ->> 0 AND a.agent_key = j.value ->> 1
    LEFT JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 2
    LEFT JOIN message_sources s ON s.tenant_id = j.value ->> 0 AND s.source = j.value ->> 3 AND s.source_id = j.value ->> 4
    ORDER BY j.key",
};

/// Ids of sources, taken by the messages that bring them first; answers which did. On PostgreSQL a message whose id
/// another transaction is taking waits for how that ends, and ids are taken in one order, before any conversation is
/// locked. $1 batch of (tenant, source, source id, message, digest).
pub const TAKE_SOURCES: Sql = Sql {
    sqlite: "
    INSERT INTO message_sources (tenant_id, source, source_id, message_id, digest)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4 FROM jsonb_each($1) j WHERE true
    ON CONFLICT DO NOTHING
    RETURNING message_id",
    postgres: "
    INSERT INTO message_sources (tenant_id, source, source_id, message_id, digest)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4
    FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS j (value, key)
    ORDER BY (j.value ->> 0) COLLATE \"C\", (j.value ->> 1) COLLATE \"C\", (j.value ->> 2) COLLATE \"C\", j.key
    ON CONFLICT DO NOTHING
    RETURNING message_id",
};

/// Ids of sources given up again. $1 batch of (tenant, source, source id).
pub const GIVE_UP_SOURCES: Sql = Sql {
    sqlite: "
    DELETE FROM message_sources WHERE (tenant_id, source, source_id) IN (
        SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2 FROM jsonb_each($1) j)",
    postgres: "
    DELETE FROM message_sources s
    USING (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE s.tenant_id = j.value ->> 0 AND s.source = j.value ->> 1 AND s.source_id = j.value ->> 2",
};

/// Conversations, locked by being written, in one order: made where there is none, places taken. $1 batch of (tenant,
/// conversation, agent, pool, how many, last available at), $2 now.
pub const TAKE_PLACES: Sql = Sql {
    sqlite: "
    INSERT INTO conversations AS c (tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, created_at)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, 1 + (j.value ->> 4), j.value ->> 5, $2
    FROM jsonb_each($1) j WHERE true
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
        next_seq = c.next_seq + excluded.next_seq - 1,
        pool = CASE WHEN c.agent_key = excluded.agent_key THEN excluded.pool ELSE c.pool END,
        last_available_at = max(c.last_available_at, excluded.last_available_at)
    RETURNING tenant_id, conversation_id, agent_key, paused_reason IS NOT NULL AS paused, next_seq, last_available_at",
    postgres: "
    INSERT INTO conversations AS c (tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, created_at)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, 1 + (j.value ->> 4)::bigint, (j.value ->> 5)::bigint, $2
    FROM jsonb_array_elements($1::jsonb) j
    ORDER BY (j.value ->> 0) COLLATE \"C\", (j.value ->> 1) COLLATE \"C\"
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
        next_seq = c.next_seq + excluded.next_seq - 1,
        pool = CASE WHEN c.agent_key = excluded.agent_key THEN excluded.pool ELSE c.pool END,
        last_available_at = greatest(c.last_available_at, excluded.last_available_at)
    RETURNING tenant_id, conversation_id, agent_key, paused_reason IS NOT NULL AS paused, next_seq, last_available_at",
};

/// Which of these conversations have something to do, or are with a worker. They are locked, so that nothing ends meanwhile: a
/// claim can only move one from the one to the other. $1 batch of (tenant, conversation).
pub const BUSY: Sql = Sql {
    sqlite: "
    SELECT h.tenant_id, h.conversation_id, h.state, h.pool FROM jsonb_each($1) j
    CROSS JOIN heads h
    WHERE h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1
    UNION ALL
    SELECT l.tenant_id, l.conversation_id, 'leased' AS state, l.pool FROM jsonb_each($1) j
    CROSS JOIN leases l
    WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1",
    postgres: "
    SELECT b.*
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT h.tenant_id, h.conversation_id, h.state, h.pool FROM heads h
        WHERE h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1 LIMIT 1) b
    UNION ALL
    SELECT b.*
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT l.tenant_id, l.conversation_id, 'leased' AS state, l.pool FROM leases l
        WHERE l.tenant_id = j.value ->> 0 AND l.conversation_id = j.value ->> 1 LIMIT 1) b",
};

/// First messages of idle conversations, which are locked, due at once. $1 columns of (tenant, conversation, agent, pool, priority,
/// message, trace, available at, max attempts).
pub const FIRST_HEADS: Sql = Sql {
    sqlite: "
    INSERT INTO heads (tenant_id, conversation_id, agent_key, pool, state, priority, due_at, suspect, message_id, trace_id,
        available_at, attempts, crashes, max_attempts)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, 'ready', j.value ->> 4, j.value ->> 7, 0, j.value ->> 5,
        j.value ->> 6, j.value ->> 7, 0, 0, j.value ->> 8
    FROM jsonb_each($1) j",
    postgres: "
    INSERT INTO heads (tenant_id, conversation_id, agent_key, pool, state, priority, due_at, suspect, message_id, trace_id,
        available_at, attempts, crashes, max_attempts)
    SELECT tenant_id, conversation_id, agent_key, pool, 'ready', priority, available_at, 0, message_id, trace_id, available_at,
        0, 0, max_attempts
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[])
        AS u (tenant_id, conversation_id, agent_key, pool, priority, message_id, trace_id, available_at, max_attempts)",
};

/// $1 batch of (tenant, message, conversation, seq, payload, priority, source, source id, trace, available at, not before,
/// max attempts), $2 now.
pub const INSERT_MESSAGES: Sql = Sql {
    sqlite: "
    INSERT INTO message_queue (tenant_id, message_id, conversation_id, seq, status, payload, priority, source,
        source_id, trace_id, available_at, not_before, attempts, crashes, max_attempts, enqueued_at)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, 'queued', j.value ->> 4, j.value ->> 5,
        j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9, j.value ->> 10, 0, 0, j.value ->> 11, $2
    FROM jsonb_each($1) j",
    postgres: "
    INSERT INTO message_queue (tenant_id, message_id, conversation_id, seq, status, payload, priority, source,
        source_id, trace_id, available_at, not_before, attempts, crashes, max_attempts, enqueued_at)
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, (j.value ->> 3)::bigint, 'queued', j.value ->> 4,
        (j.value ->> 5)::bigint, j.value ->> 6, j.value ->> 7, j.value ->> 8, (j.value ->> 9)::bigint,
        (j.value ->> 10)::bigint, 0, 0, (j.value ->> 11)::bigint, $2
    FROM jsonb_array_elements($1::jsonb) j",
};
