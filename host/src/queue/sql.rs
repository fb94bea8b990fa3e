//! The statements of the queue. Public so that tests can look at how the database runs them.
//!
//! Batches come as one JSON array of arrays. Where a row is to change, an operation reads it first, in the same
//! transaction, and writes in a second statement that computes the head afresh: a head that is computed inside the
//! statement that takes the lock can miss a message enqueued meanwhile.
//!
//! Most statements are the same for both databases. Two kinds differ by necessity, and stand side by side:
//!
//! - *Batches*: `json_each` is `json_array_elements` on PostgreSQL, whose `->>` answers texts that are cast. (Not
//!   `jsonb`: it refuses what a JSON text may hold, the escaped character 0.)
//! - *Locks*: SQLite has one writer, PostgreSQL many. There, whoever may change a conversation locks its row in the
//!   statement that reads it (`FOR NO KEY UPDATE`, which lets foreign keys pass), and a claim or a sweep passes over
//!   rows that others have locked (`SKIP LOCKED`), so that neither ever waits for a conversation. What else a
//!   conversation has is read by the next statement, or is locked with it. The order of locks, which keeps two
//!   transactions from waiting for each other: conversation, then its agent, then the worker's row. A resume comes from the
//!   other side, agent first, and therefore never waits for a conversation.

use crate::store::Sql;

/// The agent, the message a repeat repeats, and the agent the conversation is bound to. $1 tenant, $2 agent, $3 source,
/// $4 source id, $5 conversation.
pub const LOOK_BEFORE_ENQUEUE: &str = "
    SELECT a.enabled, a.pool, a.held_reason IS NOT NULL AS held, m.message_id, m.payload AS first_payload,
        m.conversation_id AS first_conversation_id, c.agent_key AS bound_to
    FROM agent_profiles a
    LEFT JOIN conversations c ON c.tenant_id = a.tenant_id AND c.conversation_id = $5
    LEFT JOIN message_queue m ON m.tenant_id = a.tenant_id AND m.source = $3 AND m.source_id = $4
    WHERE a.tenant_id = $1 AND a.agent_key = $2";

/// The conversation, locked by being written: made where there is none, a `seq` taken. A message is due at once where
/// $5 (its `not_before`) is NULL; it then becomes the head of an idle conversation here and now.
/// $1 tenant, $2 conversation, $3 agent, $4 pool, $5 not before, $6 now, $7 priority.
pub const TAKE_PLACE: &str = "
    INSERT INTO conversations AS c (tenant_id, conversation_id, agent_key, pool, state, next_seq,
        last_available_at, priority, due_at, suspect, fence, created_at)
    VALUES ($1, $2, $3, $4,
        CASE WHEN $5 IS NULL THEN 'ready' ELSE 'waiting' END,
        2, CASE WHEN $5 IS NULL THEN $6 ELSE 0 END, $7, COALESCE($5, $6), 0, 0, $6)
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
        next_seq = c.next_seq + 1,
        pool = excluded.pool,
        last_available_at = CASE WHEN $5 IS NULL AND c.last_available_at < $6
            THEN $6 ELSE c.last_available_at END,
        state = CASE WHEN c.state = 'idle' THEN excluded.state ELSE c.state END,
        priority = CASE WHEN c.state = 'idle' THEN $7 ELSE c.priority END,
        suspect = CASE WHEN c.state = 'idle' THEN 0 ELSE c.suspect END,
        due_at = CASE WHEN c.state = 'idle' THEN excluded.due_at ELSE c.due_at END
    RETURNING agent_key, state, next_seq - 1 AS seq, last_available_at";

/// $1 tenant, $2 message, $3 conversation, $4 seq, $5 payload, $6 priority, $7 source, $8 source id, $9 trace,
/// $10 available at, $11 not before, $12 max attempts, $13 now.
pub const INSERT_MESSAGE: &str = "
    INSERT INTO message_queue (tenant_id, message_id, conversation_id, seq, status, payload, priority, source,
        source_id, trace_id, available_at, not_before, attempts, crashes, max_attempts, enqueued_at)
    VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10, $11, 0, 0, $12, $13)
    ON CONFLICT (tenant_id, source, source_id) WHERE source_id IS NOT NULL DO NOTHING";

macro_rules! rehead {
    ($lock:literal) => {
        concat!(
            "
    WITH held AS MATERIALIZED (
        SELECT a.tenant_id, a.agent_key FROM agent_profiles a
        WHERE a.held_reason IS NOT NULL AND (a.tenant_id, a.agent_key) IN (
            SELECT c.tenant_id, c.agent_key FROM json_array_elements($1::json) j
            JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1)
        ORDER BY a.tenant_id, a.agent_key ",
            $lock,
            "
    )
    UPDATE conversations SET
        state = CASE WHEN h.message_id IS NULL THEN 'idle' WHEN h.held = 1 THEN 'held'
            WHEN h.not_before > $2 THEN 'waiting' ELSE 'ready' END,
        due_at = CASE WHEN h.message_id IS NULL OR h.held = 1 THEN NULL ELSE COALESCE(h.not_before, h.available_at) END,
        priority = COALESCE(h.priority, conversations.priority),
        suspect = CASE WHEN h.crashes > 0 THEN 1 ELSE 0 END,
        message_id = NULL, worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL
    FROM (
        SELECT c.tenant_id, c.conversation_id, CASE WHEN a.agent_key IS NULL THEN 0 ELSE 1 END AS held,
            m.message_id, m.not_before, m.available_at, m.priority, m.crashes
        FROM json_array_elements($1::json) j
        JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
        LEFT JOIN held a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
        LEFT JOIN LATERAL (
            SELECT q.message_id, q.not_before, q.available_at, q.priority, q.crashes FROM message_queue q
            WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
            ORDER BY q.available_at, q.seq LIMIT 1) m ON true
    ) AS h
    WHERE conversations.tenant_id = h.tenant_id AND conversations.conversation_id = h.conversation_id
    RETURNING state"
        )
    };
}

/// Take conversations' leases away, where they have one, and compute what each waits for now from its head. The
/// conversations are locked. On PostgreSQL a held agent is locked too until this has committed: a resume at the same
/// moment would not see the conversation that is parked here, and leave it parked. $1 batch of (tenant, conversation),
/// $2 now.
pub const REHEAD: Sql = Sql {
    sqlite: "
    UPDATE conversations SET
        state = CASE WHEN h.message_id IS NULL THEN 'idle' WHEN h.held = 1 THEN 'held'
            WHEN h.not_before > $2 THEN 'waiting' ELSE 'ready' END,
        due_at = CASE WHEN h.message_id IS NULL OR h.held = 1 THEN NULL ELSE COALESCE(h.not_before, h.available_at) END,
        priority = COALESCE(h.priority, conversations.priority),
        suspect = CASE WHEN h.crashes > 0 THEN 1 ELSE 0 END,
        message_id = NULL, worker_id = NULL, lease_token = NULL, lease_until = NULL, lease_deadline = NULL
    FROM (
        SELECT c.tenant_id, c.conversation_id, CASE WHEN a.held_reason IS NULL THEN 0 ELSE 1 END AS held,
            m.message_id, m.not_before, m.available_at, m.priority, m.crashes
        FROM json_each($1) j
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
    postgres: rehead!("FOR SHARE"),
};

/// As [`REHEAD`], for a transaction that may write the agent's row later: two that shared its lock would wait for each
/// other then.
pub const REHEAD_THEN_WRITE_AGENT: Sql = Sql {
    sqlite: REHEAD.sqlite,
    postgres: rehead!("FOR NO KEY UPDATE"),
};

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

/// $1 now, $2 how many.
pub const EXPIRED: Sql = Sql {
    sqlite: "
    SELECT c.tenant_id, c.conversation_id, c.message_id, m.started_at IS NOT NULL AS started, m.attempts, m.max_attempts
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
    WHERE c.state = 'leased' AND c.lease_until <= $1
    ORDER BY c.lease_until LIMIT $2",
    postgres: "
    SELECT c.tenant_id, c.conversation_id, c.message_id, m.started_at IS NOT NULL AS started, m.attempts, m.max_attempts
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
    WHERE c.state = 'leased' AND c.lease_until <= $1
    ORDER BY c.lease_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
};

/// The one agent whose conversations are let go next.
pub const RESUMING: Sql = Sql {
    sqlite: "
    SELECT tenant_id, agent_key FROM agent_profiles WHERE resuming = 1 ORDER BY tenant_id, agent_key LIMIT 1",
    postgres: "
    SELECT tenant_id, agent_key FROM agent_profiles WHERE resuming = 1 ORDER BY tenant_id, agent_key LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED",
};

/// $1 tenant, $2 agent, $3 how many.
pub const HELD_CONVERSATIONS: Sql = Sql {
    sqlite: "
    SELECT tenant_id, conversation_id FROM conversations
    WHERE state <> 'idle' AND state = 'held' AND tenant_id = $1 AND agent_key = $2 LIMIT $3",
    postgres: "
    SELECT tenant_id, conversation_id FROM conversations
    WHERE state <> 'idle' AND state = 'held' AND tenant_id = $1 AND agent_key = $2 LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED",
};

/// Unless a conversation is held still: one that somebody else had locked. $1 tenant, $2 agent.
pub const RESUMED: &str = "
    UPDATE agent_profiles SET resuming = 0 WHERE tenant_id = $1 AND agent_key = $2 AND NOT EXISTS (
        SELECT 1 FROM conversations WHERE state <> 'idle' AND state = 'held' AND tenant_id = $1 AND agent_key = $2)";

/// $1 tenant, $2 agent, $3 now.
pub const RESUME: &str = "
    UPDATE agent_profiles SET held_reason = NULL, held_at = NULL, resuming = 1, updated_at = $3
    WHERE tenant_id = $1 AND agent_key = $2";

/// The first reason stays: it is what the person is to act on. $1 tenant, $2 agent, $3 reason, $4 now.
pub const HOLD: &str = "
    UPDATE agent_profiles SET held_reason = COALESCE(held_reason, $3), held_at = COALESCE(held_at, $4),
        resuming = 0, updated_at = $4
    WHERE tenant_id = $1 AND agent_key = $2";

/// Whose turn it is in a pool, whether suspects wait there, and whether a worker runs one. $1 pool, $2 worker.
pub const TURN: &str = "
    SELECT COALESCE(t.tenant_id, '') AS tenant_id, COALESCE(t.suspect_tenant_id, '') AS suspect_tenant_id,
        COALESCE(t.suspect_last, 0) AS suspect_last,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'ready' AND pool = $1 AND suspect = 1) AS suspects,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'leased' AND suspect = 1 AND worker_id = $2) AS runs_suspect,
        (SELECT w.pool FROM workers w WHERE w.worker_id = $2) AS worker_pool
    FROM (SELECT 1) AS one LEFT JOIN claim_turns t ON t.pool = $1";

/// $1 pool, $2 tenant, $3 tenant of the last suspect, $4 whether that was the last claim of an idle worker. On PostgreSQL as
/// far as nobody else is at it: of claims that overlap one moves the turn, and none waits for another.
pub const TAKE_TURN: Sql = Sql {
    sqlite: "
    INSERT INTO claim_turns (pool, tenant_id, suspect_tenant_id, suspect_last) VALUES ($1, $2, $3, $4)
    ON CONFLICT (pool) DO UPDATE SET tenant_id = excluded.tenant_id,
        suspect_tenant_id = excluded.suspect_tenant_id, suspect_last = excluded.suspect_last",
    postgres: "
    WITH made AS (
        INSERT INTO claim_turns (pool, tenant_id, suspect_tenant_id, suspect_last)
        SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM claim_turns WHERE pool = $1)
        ON CONFLICT (pool) DO NOTHING
    ), free AS MATERIALIZED (
        SELECT pool FROM claim_turns WHERE pool = $1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE claim_turns t SET tenant_id = $2, suspect_tenant_id = $3, suspect_last = $4
    FROM free WHERE t.pool = free.pool",
};

/// Tenants with something ready, in turn: those after $3, then from the first. Steps from tenant to tenant through
/// the index, over none of their conversations. $1 pool, $2 suspects or not, $3 the tenant served last, $4 how many.
pub const TENANTS_IN_TURN: &str = "
    WITH RECURSIVE
    behind (tenant_id, steps) AS (
        SELECT (SELECT min(c.tenant_id) FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > $3), 1
        UNION ALL
        SELECT (SELECT min(c.tenant_id) FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > b.tenant_id), b.steps + 1
        FROM behind b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    ),
    before (tenant_id, steps) AS (
        SELECT (SELECT min(c.tenant_id) FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id <= $3), 1
        UNION ALL
        SELECT (SELECT min(c.tenant_id) FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2
                AND c.tenant_id > b.tenant_id AND c.tenant_id <= $3), b.steps + 1
        FROM before b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    )
    SELECT tenant_id FROM (
        SELECT 0 AS lap, tenant_id FROM behind WHERE tenant_id IS NOT NULL
        UNION ALL
        SELECT 1 AS lap, tenant_id FROM before WHERE tenant_id IS NOT NULL
    ) AS turns ORDER BY lap, tenant_id LIMIT $4";

/// On PostgreSQL, before [`HEADS`]: the first conversations of each tenant that nobody else has locked, locked. A statement of its
/// own, since a head read while the lock is taken could be one that was settled a moment before. Arguments as of
/// [`HEADS`].
pub const LOCK_READY: &str = "
    SELECT r.tenant_id, r.conversation_id
    FROM json_array_elements_text($1::json) WITH ORDINALITY AS j (tenant_id, key)
    CROSS JOIN LATERAL (
        SELECT c.tenant_id, c.conversation_id, c.priority, c.due_at FROM conversations c
        WHERE c.state = 'ready' AND c.pool = $2 AND c.suspect = $3 AND c.tenant_id = j.tenant_id
        ORDER BY c.priority DESC, c.due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) r
    ORDER BY j.key, r.priority DESC, r.due_at, r.conversation_id";

/// On PostgreSQL, instead of [`HEADS`]: locked conversations with their heads. $1 batch of (tenant, conversation).
pub const HEADS_OF: &str = "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.fence, a.held_reason IS NOT NULL AS held,
        m.message_id, m.available_at, m.not_before, m.attempts, m.crashes
    FROM json_array_elements($1::json) WITH ORDINALITY AS j (value, key)
    JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    LEFT JOIN LATERAL (
        SELECT q.message_id, q.available_at, q.not_before, q.attempts, q.crashes FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1) m ON true
    ORDER BY j.key";

/// The first conversations of each tenant, with their heads. $1 tenants in turn, $2 pool, $3 suspects or not,
/// $4 how many of each.
pub const HEADS: &str = "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.fence, a.held_reason IS NOT NULL AS held,
        m.message_id, m.available_at, m.not_before, m.attempts, m.crashes
    FROM json_each($1) j
    CROSS JOIN conversations c
    JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    LEFT JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = (
        SELECT q.message_id FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1)
    WHERE (c.tenant_id, c.conversation_id) IN (
        SELECT r.tenant_id, r.conversation_id FROM conversations r
        WHERE r.state = 'ready' AND r.pool = $2 AND r.suspect = $3 AND r.tenant_id = j.value
        ORDER BY r.priority DESC, r.due_at LIMIT $4)
    ORDER BY j.key, c.priority DESC, c.due_at, c.conversation_id";

/// $1 batch of (tenant, conversation, message, token, available at), $2 worker, $3 lease until, $4 deadline.
pub const LEASE: Sql = Sql {
    sqlite: "
    UPDATE conversations SET state = 'leased', due_at = NULL, fence = fence + 1, message_id = j.value ->> 2,
        lease_token = j.value ->> 3, worker_id = $2, lease_until = $3, lease_deadline = $4,
        last_available_at = CASE WHEN last_available_at < j.value ->> 4 THEN j.value ->> 4 ELSE last_available_at END
    FROM json_each($1) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
    postgres: "
    UPDATE conversations SET state = 'leased', due_at = NULL, fence = fence + 1, message_id = j.value ->> 2,
        lease_token = j.value ->> 3, worker_id = $2, lease_until = $3, lease_deadline = $4,
        last_available_at = GREATEST(last_available_at, (j.value ->> 4)::bigint)
    FROM json_array_elements($1::json) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
};

/// $1 batch as of [`LEASE`].
pub const BEGIN_PROCESSING: Sql = Sql {
    sqlite: "
    UPDATE message_queue SET status = 'processing', started_at = NULL
    FROM json_each($1) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 2",
    postgres: "
    UPDATE message_queue SET status = 'processing', started_at = NULL
    FROM json_array_elements($1::json) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 2",
};

/// $1 worker, $2 pool, $3 load, $4 now.
pub const WORKER_CLAIMS: &str = "
    INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
    VALUES ($1, $2, 'active', $3, $4, $4)
    ON CONFLICT (worker_id) DO UPDATE SET load = excluded.load, heartbeat_at = excluded.heartbeat_at
    WHERE workers.pool = excluded.pool
        AND (workers.load <> excluded.load OR workers.heartbeat_at <= excluded.heartbeat_at - 10000)";

/// $1 worker, $2 load, $3 now, $4 pool.
pub const WORKER_BEATS: &str =
    "UPDATE workers SET load = $2, heartbeat_at = $3 WHERE worker_id = $1 AND pool = $4";

/// A worker makes itself known, and stays in the pool it first named. $1 worker, $2 pool, $3 now.
pub const WORKER_REGISTERS: &str = "
    INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
    VALUES ($1, $2, 'active', 0, $3, $3)
    ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at
    RETURNING pool";

/// What a worker holds. $1 worker, $2 now.
pub const HELD_BY_WORKER: &str = "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until, c.suspect,
        m.attempts, m.crashes
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
    WHERE c.state = 'leased' AND c.lease_until > $2 AND c.worker_id = $1";

/// Workers not heard of since $1, at most $2.
pub const PRUNE_WORKERS: Sql = Sql {
    sqlite: "
    DELETE FROM workers WHERE worker_id IN (
        SELECT worker_id FROM workers WHERE heartbeat_at <= $1 ORDER BY heartbeat_at LIMIT $2)",
    postgres: "
    DELETE FROM workers WHERE worker_id IN (
        SELECT worker_id FROM workers WHERE heartbeat_at <= $1 ORDER BY heartbeat_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
};

/// What a lease is compared with, to read under it. $1 tenant, $2 conversation, $3 the message the lease is for.
pub const LOOK: &str = "
    SELECT c.agent_key, c.lease_token, c.fence, c.lease_until, c.message_id AS leased_message_id,
        m.status, m.settled_token, m.attempts, m.max_attempts
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = $3
    WHERE c.tenant_id = $1 AND c.conversation_id = $2";

/// As [`LOOK`], to write under the lease. Both rows are locked, and so both are read as they are once a wait is over.
pub const LOCK: Sql = Sql {
    sqlite: LOOK,
    postgres: "
    SELECT c.agent_key, c.lease_token, c.fence, c.lease_until, c.message_id AS leased_message_id,
        m.status, m.settled_token, m.attempts, m.max_attempts
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = $3
    WHERE c.tenant_id = $1 AND c.conversation_id = $2
    FOR NO KEY UPDATE",
};

/// $1 tenant, $2 message.
pub const READ_TURN: &str = "
    SELECT payload, trace_id, attempts, max_attempts, crashes, enqueued_at FROM message_queue
    WHERE tenant_id = $1 AND message_id = $2";

/// $1 tenant, $2 message, $3 now.
pub const START: &str = "
    UPDATE message_queue SET started_at = $3 WHERE tenant_id = $1 AND message_id = $2 AND started_at IS NULL";

/// $1 batch of (tenant, conversation).
pub const LEASES: Sql = Sql {
    sqlite: "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until,
        c.lease_deadline
    FROM json_each($1) j
    CROSS JOIN conversations c
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1 AND c.state = 'leased'",
    postgres: "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until,
        c.lease_deadline
    FROM json_array_elements($1::json) j
    CROSS JOIN conversations c
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1 AND c.state = 'leased'
    ORDER BY c.tenant_id, c.conversation_id FOR NO KEY UPDATE OF c",
};

/// $1 batch of (tenant, conversation, lease until).
pub const EXTEND: Sql = Sql {
    sqlite:
        "
    UPDATE conversations SET lease_until = j.value ->> 2
    FROM json_each($1) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
    postgres:
        "
    UPDATE conversations SET lease_until = (j.value ->> 2)::bigint
    FROM json_array_elements($1::json) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
};

/// $1 tenant, $2 message, $3 now, $4 token.
pub const COMPLETE: &str = "
    UPDATE message_queue SET status = 'done', finished_at = $3, settled_token = $4, not_before = NULL
    WHERE tenant_id = $1 AND message_id = $2";

/// Messages back in their places, or given up. $1 batch of (tenant, message, status, attempts more, crashes more, not
/// before, error, finished at); a NULL `not before` or error leaves what is there.
pub const PUT_BACK: Sql = Sql {
    sqlite: "
    UPDATE message_queue SET status = j.value ->> 2, attempts = attempts + (j.value ->> 3),
        crashes = crashes + (j.value ->> 4), not_before = COALESCE(j.value ->> 5, not_before),
        last_error = COALESCE(j.value ->> 6, last_error), finished_at = j.value ->> 7,
        started_at = CASE WHEN j.value ->> 7 IS NULL THEN NULL ELSE started_at END
    FROM json_each($1) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1",
    postgres: "
    UPDATE message_queue SET status = j.value ->> 2, attempts = attempts + (j.value ->> 3)::bigint,
        crashes = crashes + (j.value ->> 4)::bigint, not_before = COALESCE((j.value ->> 5)::bigint, not_before),
        last_error = COALESCE(j.value ->> 6, last_error), finished_at = (j.value ->> 7)::bigint,
        started_at = CASE WHEN j.value ->> 7 IS NULL THEN NULL ELSE started_at END
    FROM json_array_elements($1::json) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1",
};

/// $1 tenant, $2 message.
pub const DEAD_LETTER: Sql = Sql {
    sqlite: "
    SELECT m.conversation_id, c.state, c.last_available_at FROM message_queue m
    JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
    WHERE m.tenant_id = $1 AND m.message_id = $2 AND m.status = 'dead_letter'",
    postgres: "
    SELECT m.conversation_id, c.state, c.last_available_at FROM message_queue m
    JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
    WHERE m.tenant_id = $1 AND m.message_id = $2 AND m.status = 'dead_letter'
    FOR NO KEY UPDATE",
};

/// $1 tenant, $2 conversation, $3 available at.
pub const TAKE_LAST_PLACE: &str = "
    UPDATE conversations SET next_seq = next_seq + 1, last_available_at = $3
    WHERE tenant_id = $1 AND conversation_id = $2
    RETURNING next_seq - 1 AS seq";

/// $1 tenant, $2 message, $3 seq, $4 available at.
pub const REDRIVE: &str = "
    UPDATE message_queue SET status = 'queued', attempts = 0, seq = $3, available_at = $4, not_before = NULL,
        started_at = NULL, finished_at = NULL
    WHERE tenant_id = $1 AND message_id = $2";

/// $1 tenant, $2 message.
pub const MESSAGE_STATUS: &str = "
    SELECT m.conversation_id, c.agent_key, m.status, m.attempts, m.crashes, m.max_attempts, m.last_error,
        m.enqueued_at, m.not_before, m.finished_at, a.held_reason
    FROM message_queue m
    JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
    JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    WHERE m.tenant_id = $1 AND m.message_id = $2";

macro_rules! stats {
    ($conversations:literal, $dead_letters:literal, $lanes:literal) => {
        concat!(
            "
    SELECT
        count(CASE WHEN q.state = 'ready' OR (q.state = 'waiting' AND q.due_at <= $2) THEN 1 END) AS ready,
        count(CASE WHEN q.state = 'waiting' AND q.due_at > $2 THEN 1 END) AS waiting,
        count(CASE WHEN q.state = 'leased' THEN 1 END) AS leased,
        count(CASE WHEN q.state = 'held' THEN 1 END) AS held,
        min(CASE WHEN q.state = 'ready' OR (q.state = 'waiting' AND q.due_at <= $2) THEN q.due_at END) AS oldest_due_at,
        (SELECT count(*) FROM message_queue m ",
            $dead_letters,
            ") AS dead_letters,
        (SELECT count(*) FROM outbox_lanes l WHERE l.state <> 'idle' AND ",
            $lanes,
            ") AS lanes
    FROM conversations q WHERE q.state <> 'idle' AND ",
            $conversations
        )
    };
}

/// Walks busy conversations, dead letters and busy lanes, by their indexes. $1 pool, $2 now.
pub const STATS_OF_POOL: &str = stats!(
    "q.pool = $1",
    "JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
        WHERE m.status = 'dead_letter' AND c.pool = $1",
    "l.pool = $1"
);

/// As [`STATS_OF_POOL`]. $1 tenant, $2 now.
pub const STATS_OF_TENANT: &str = stats!(
    "q.tenant_id = $1",
    "WHERE m.tenant_id = $1 AND m.status = 'dead_letter'",
    "l.tenant_id = $1"
);

/// The moments at which time itself makes a conversation claimable next.
pub const NEXT_TURN: &str = "
    SELECT moment FROM (
        SELECT (SELECT min(due_at) FROM conversations WHERE state = 'waiting') AS moment
        UNION ALL SELECT (SELECT min(lease_until) FROM conversations WHERE state = 'leased')
    ) AS moments WHERE moment IS NOT NULL ORDER BY moment LIMIT 1";

/// As [`NEXT_TURN`], of lanes.
pub const NEXT_DELIVERY: &str = "
    SELECT moment FROM (
        SELECT (SELECT min(due_at) FROM outbox_lanes WHERE state = 'waiting') AS moment
        UNION ALL SELECT (SELECT min(lease_until) FROM outbox_lanes WHERE state = 'leased')
    ) AS moments WHERE moment IS NOT NULL ORDER BY moment LIMIT 1";

/// What a message brought.
pub const PAYLOAD: &str =
    "SELECT payload FROM message_queue WHERE tenant_id = $1 AND message_id = $2";
