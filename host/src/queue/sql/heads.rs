//! What a conversation waits for, computed from its head.

use crate::store::Sql;

/// The columns of `heads`, in the order of the statements below.
macro_rules! heads {
    () => {
        "
    INSERT INTO heads (tenant_id, conversation_id, agent_key, pool, state, priority, due_at, suspect, message_id, trace_id,
        available_at, not_before, attempts, crashes, max_attempts)"
    };
}

/// The head of the conversation that `$of` names, as `m`.
macro_rules! head_of {
    ($of:literal) => {
        concat!(
            "LATERAL (
            SELECT q.message_id, q.trace_id, q.available_at, q.not_before, q.priority, q.attempts, q.crashes, q.max_attempts
            FROM message_queue q
            WHERE q.tenant_id = ",
            $of,
            ".tenant_id AND q.conversation_id = ",
            $of,
            ".conversation_id AND q.status = 'queued'
            ORDER BY q.available_at, q.seq LIMIT 1) m ON true"
        )
    };
}

/// The agents of `named` that are held, locked so or so.
macro_rules! held_agents {
    ($lock:literal) => {
        concat!(
            "
    held AS MATERIALIZED (
        SELECT a.tenant_id, a.agent_key
        FROM (SELECT DISTINCT tenant_id, agent_key FROM named ORDER BY tenant_id, agent_key) n
        CROSS JOIN LATERAL (
            SELECT p.tenant_id, p.agent_key FROM agent_profiles p
            WHERE p.tenant_id = n.tenant_id AND p.agent_key = n.agent_key AND (p.held_reason IS NOT NULL OR p.paused = 1) ",
            $lock,
            ") a
    )"
        )
    };
}

/// From `named` and `held`, to `heads`.
macro_rules! headed {
    () => {
        concat!(
            heads!(),
            "
    SELECT n.tenant_id, n.conversation_id, n.agent_key, n.pool,
        CASE WHEN n.paused = 1 OR a.agent_key IS NOT NULL THEN 'held' WHEN n.not_before > $1 THEN 'waiting' ELSE 'ready' END,
        n.priority, COALESCE(n.not_before, n.available_at), CASE WHEN n.crashes > 0 THEN 1 ELSE 0 END, n.message_id, n.trace_id,
        n.available_at, n.not_before, n.attempts, n.crashes, n.max_attempts
    FROM named n
    LEFT JOIN held a ON a.tenant_id = n.tenant_id AND a.agent_key = n.agent_key
    WHERE n.message_id IS NOT NULL"
        )
    };
}

/// Leases end, and the next message of each conversation becomes its head. The conversations and the leases are locked. On
/// PostgreSQL a held agent is locked too until this has committed: a resume at the same moment would not see the conversation
/// that is parked here, and leave it parked. Where somebody has the agent locked, the conversation is not parked but left ready,
/// so that nobody waits: the next claim finds the agent as it is then. On SQLite the second half of it: [`END_LEASES`] is the first.
/// Answers how many leases ended, whether a conversation has something to do next, and whether one's head is ready that was timed;
/// on SQLite a row a head, with what it waits for and whether it is timed. $1 now, $2 columns of (tenant, conversation, agent, pool,
/// whether the conversation is paused, address of the lease's row).
pub const RELEASE: Sql = Sql {
    sqlite: concat!(
        heads!(),
        "
    SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3,
        CASE WHEN j.value ->> 4 = 1 OR a.held_reason IS NOT NULL OR a.paused = 1 THEN 'held' WHEN m.not_before > $1 THEN 'waiting'
            ELSE 'ready' END,
        m.priority, COALESCE(m.not_before, m.available_at), CASE WHEN m.crashes > 0 THEN 1 ELSE 0 END, m.message_id, m.trace_id,
        m.available_at, m.not_before, m.attempts, m.crashes, m.max_attempts
    FROM jsonb_each($2) j
    CROSS JOIN message_queue m ON m.tenant_id = j.value ->> 0 AND m.message_id = (
        SELECT q.message_id FROM message_queue q
        WHERE q.tenant_id = j.value ->> 0 AND q.conversation_id = j.value ->> 1 AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1)
    CROSS JOIN agent_profiles a ON a.tenant_id = j.value ->> 0 AND a.agent_key = j.value ->> 2
    RETURNING state, not_before IS NOT NULL AS timed"
    ),
    postgres: concat!(
        "
    WITH named AS MATERIALIZED (
        SELECT j.tenant_id, j.conversation_id, j.agent_key, j.pool, j.paused, j.row_address, m.*
        FROM (
            SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
                AS u (tenant_id, conversation_id, agent_key, pool, paused, row_address)
            WHERE paused >= 0) j
        LEFT JOIN ",
        head_of!("j"),
        "
    ),",
        held_agents!("FOR SHARE SKIP LOCKED"),
        ", ended AS (
        DELETE FROM leases l USING named n
        WHERE l.ctid = n.row_address::tid AND l.tenant_id || '' = n.tenant_id AND l.conversation_id || '' = n.conversation_id
        RETURNING 1
    ), headed AS (",
        headed!(),
        "
        RETURNING state, not_before IS NOT NULL AS timed
    )
    SELECT (SELECT count(*) FROM ended) AS ended, COALESCE(bool_or(state <> 'held'), false) AS next,
        COALESCE(bool_or(timed AND state = 'ready'), false) AS passed
    FROM headed"
    ),
};

/// On PostgreSQL, what [`super::FINISH`] and then [`RELEASE`] do, at once, of messages that are done: what comes next is the first
/// message but for that one. Held agents are locked to be written: the transaction may write the agents' rows later, and two that
/// shared a lock would wait for each other then. So it waits for an agent; a batch over several has locked them before, in one order.
/// Answers how many leases ended with their messages done, whether a conversation has something to do next, and whether one's head is ready that was
/// timed. $1 now, $2 columns of those of [`RELEASE`] and (message, token).
pub const SETTLE: &str = concat!(
    "
    WITH named AS MATERIALIZED (
        SELECT j.tenant_id, j.conversation_id, j.agent_key, j.pool, j.paused, j.row_address, j.settled_token, d.done_address, m.*
        FROM (
            SELECT *
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[])
                AS u (tenant_id, conversation_id, agent_key, pool, paused, row_address, done_id, settled_token)
            WHERE paused >= 0) j
        CROSS JOIN LATERAL (
            SELECT q.ctid AS done_address FROM message_queue q
            WHERE q.tenant_id = j.tenant_id AND q.message_id = j.done_id LIMIT 1) d
        LEFT JOIN LATERAL (
            SELECT q.message_id, q.trace_id, q.available_at, q.not_before, q.priority, q.attempts, q.crashes, q.max_attempts
            FROM message_queue q
            WHERE q.tenant_id = j.tenant_id AND q.conversation_id = j.conversation_id AND q.status = 'queued'
                AND q.message_id <> j.done_id
            ORDER BY q.available_at, q.seq LIMIT 1) m ON true
    ),",
    held_agents!("FOR NO KEY UPDATE"),
    ", ended AS (
        DELETE FROM leases l USING named n
        WHERE l.ctid = n.row_address::tid AND l.tenant_id || '' = n.tenant_id AND l.conversation_id || '' = n.conversation_id
        RETURNING 1
    ), gone AS (
        DELETE FROM message_queue m USING named n WHERE m.ctid = n.done_address
        RETURNING m.tenant_id, m.message_id, m.conversation_id, m.seq, m.source, m.source_id, m.trace_id, m.attempts, m.crashes,
            m.max_attempts, m.last_error, n.settled_token, m.enqueued_at
    ), finished AS (
        INSERT INTO finished_messages (tenant_id, message_id, conversation_id, seq, outcome, source, source_id, trace_id,
            attempts, crashes, max_attempts, last_error, settled_token, enqueued_at, finished_at)
        SELECT tenant_id, message_id, conversation_id, seq, 'done', source, source_id, trace_id, attempts, crashes, max_attempts,
            last_error, settled_token, enqueued_at, $1
        FROM gone
        RETURNING 1
    ), headed AS (",
    headed!(),
    "
        RETURNING state, not_before IS NOT NULL AS timed
    )
    SELECT LEAST((SELECT count(*) FROM ended), (SELECT count(*) FROM finished)) AS settled, COALESCE(bool_or(state <> 'held'), false) AS next,
        COALESCE(bool_or(timed AND state = 'ready'), false) AS passed
    FROM headed"
);

/// SQLite's first half of [`RELEASE`]. $1 its columns.
pub const END_LEASES: &str = "
    DELETE FROM leases WHERE (tenant_id, conversation_id) IN (
        SELECT j.value ->> 0, j.value ->> 1 FROM jsonb_each($1) j)";

/// On PostgreSQL, before [`REHEAD`] and before anybody asks whether a worker has a conversation that is locked: no claim takes it
/// from here on, and one that was taking it has. $1 batch of (tenant, conversation).
pub const LOCK_HEADS: &str = "
    SELECT 1
    FROM (
        SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array'
        ORDER BY (value ->> 0) COLLATE \"C\", (value ->> 1) COLLATE \"C\") j
    CROSS JOIN LATERAL (
        SELECT 1 FROM heads h WHERE h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1 LIMIT 1 FOR UPDATE) h";

/// Compute afresh what conversations wait for that no worker has; one that a worker has is left as it is. They are locked, with
/// their heads. Agents are locked as by [`RELEASE`]. On SQLite the second half: [`LEAVE_HEADS`] is the first. $1 now, $2 batch of (tenant,
/// conversation).
pub const REHEAD: Sql = Sql {
    sqlite: concat!(
        heads!(),
        "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.pool,
        CASE WHEN c.paused_reason IS NOT NULL OR a.held_reason IS NOT NULL OR a.paused = 1 THEN 'held'
            WHEN m.not_before > $1 THEN 'waiting' ELSE 'ready' END,
        m.priority, COALESCE(m.not_before, m.available_at), CASE WHEN m.crashes > 0 THEN 1 ELSE 0 END, m.message_id, m.trace_id,
        m.available_at, m.not_before, m.attempts, m.crashes, m.max_attempts
    FROM jsonb_each($2) j
    CROSS JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    CROSS JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = (
        SELECT q.message_id FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1)
    CROSS JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    WHERE NOT EXISTS (
        SELECT 1 FROM leases l WHERE l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id)
    RETURNING state, not_before IS NOT NULL AS timed"
    ),
    postgres: concat!(
        "
    WITH named AS MATERIALIZED (
        SELECT c.tenant_id, c.conversation_id, c.agent_key, c.pool, CASE WHEN c.paused_reason IS NULL THEN 0 ELSE 1 END AS paused,
            (SELECT h.ctid FROM heads h
                WHERE h.tenant_id = c.tenant_id AND h.conversation_id = c.conversation_id LIMIT 1) AS row_address, m.*
        FROM (SELECT value FROM jsonb_array_elements($2::jsonb) WHERE jsonb_typeof(value) = 'array') j
        JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
        LEFT JOIN ",
        head_of!("c"),
        "
        WHERE (SELECT l.fence FROM leases l
            WHERE l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id LIMIT 1) IS NULL
    ),",
        held_agents!("FOR SHARE SKIP LOCKED"),
        ", gone AS (
        DELETE FROM heads h USING named n WHERE h.ctid = n.row_address AND n.message_id IS NULL
    )",
        headed!(),
        "
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET agent_key = excluded.agent_key, pool = excluded.pool,
        state = excluded.state, priority = excluded.priority, due_at = excluded.due_at, suspect = excluded.suspect,
        message_id = excluded.message_id, trace_id = excluded.trace_id, available_at = excluded.available_at,
        not_before = excluded.not_before, attempts = excluded.attempts, crashes = excluded.crashes,
        max_attempts = excluded.max_attempts
    RETURNING state, not_before IS NOT NULL AS timed"
    ),
};

/// SQLite's first half of [`REHEAD`], and the last of [`super::LEASE`]. $1 batch of (tenant, conversation, ...).
pub const LEAVE_HEADS: &str = "
    DELETE FROM heads WHERE (tenant_id, conversation_id) IN (
        SELECT j.value ->> 0, j.value ->> 1 FROM jsonb_each($1) j)";

/// A head whose time has come stands before all that arrives from now on, whatever the clock does: conversations, which are
/// locked, keep its place in mind. $1 batch of (tenant, conversation).
pub const PASS: Sql = Sql {
    sqlite: "
    UPDATE conversations SET last_available_at = h.available_at
    FROM jsonb_each($1) j
    CROSS JOIN heads h ON h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1
        AND h.state = 'ready' AND h.available_at > conversations.last_available_at",
    postgres: "
    UPDATE conversations c SET last_available_at = r.available_at
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT h.available_at FROM heads h
        WHERE h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1 AND h.state || '' = 'ready' LIMIT 1) r
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1 AND r.available_at > c.last_available_at",
};
