//! Work is given out.

use crate::store::Sql;

/// What a claim begins with: what time has done since somebody looked last, whose turn it is in the pool, whether suspects
/// wait there, and what is known of the worker. $1 pool, $2 worker, $3 now.
pub const LOOK_BEFORE_CLAIM: &str = "
    SELECT COALESCE(t.tenant_id, '') AS tenant_id, COALESCE(t.suspect_tenant_id, '') AS suspect_tenant_id,
        COALESCE(t.suspect_last, 0) AS suspect_last,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'ready' AND pool = $1 AND suspect = 1) AS suspects,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'leased' AND suspect = 1 AND worker_id = $2) AS runs_suspect,
        w.pool AS worker_pool, w.status AS worker_status, w.load AS worker_load, w.heartbeat_at AS worker_heartbeat_at,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'waiting' AND due_at <= $3) AS due,
        EXISTS (SELECT 1 FROM conversations WHERE state = 'leased' AND lease_until <= $3) AS expired,
        EXISTS (SELECT 1 FROM agent_profiles WHERE resuming = 1) AS resuming
    FROM (SELECT 1) AS one
    LEFT JOIN claim_turns t ON t.pool = $1
    LEFT JOIN workers w ON w.worker_id = $2";

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

/// Tenants with something ready, in turn: those after $3, then from the first; and how many more messages each may have in
/// flight. Steps from tenant to tenant through the index, over none of their conversations; what a tenant has in
/// flight is counted, which its own bound bounds. (Not by `min`, which PostgreSQL computes over all of a range where it
/// takes it for a short one.) $1 pool, $2 suspects or not, $3 the tenant served last, $4 how
/// many, $5 in flight at most where the tenant has no number of its own.
pub const TENANTS_IN_TURN: &str = "
    WITH RECURSIVE
    behind (tenant_id, steps) AS (
        SELECT (SELECT c.tenant_id FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > $3
            ORDER BY c.tenant_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT c.tenant_id FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > b.tenant_id
            ORDER BY c.tenant_id LIMIT 1), b.steps + 1
        FROM behind b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    ),
    before (tenant_id, steps) AS (
        SELECT (SELECT c.tenant_id FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id <= $3
            ORDER BY c.tenant_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT c.tenant_id FROM conversations c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2
                AND c.tenant_id > b.tenant_id AND c.tenant_id <= $3
            ORDER BY c.tenant_id LIMIT 1), b.steps + 1
        FROM before b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    )
    SELECT turns.tenant_id, COALESCE(t.max_in_flight, $5) - (
        SELECT count(*) FROM conversations f
        WHERE f.state <> 'idle' AND f.state = 'leased' AND f.tenant_id = turns.tenant_id) AS room
    FROM (
        SELECT lap, tenant_id FROM (
            SELECT 0 AS lap, tenant_id FROM behind WHERE tenant_id IS NOT NULL
            UNION ALL
            SELECT 1 AS lap, tenant_id FROM before WHERE tenant_id IS NOT NULL
        ) AS laps ORDER BY lap, tenant_id LIMIT $4
    ) AS turns
    JOIN tenants t ON t.tenant_id = turns.tenant_id
    ORDER BY turns.lap, turns.tenant_id";

/// On PostgreSQL, before [`HEADS`]: the first conversations of each tenant that nobody else has locked, locked. A statement of its
/// own, since a head read while the lock is taken could be one that was settled a moment before. $1 batch of (tenant, how
/// many), $2 pool, $3 suspects or not.
pub const LOCK_READY: &str = "
    SELECT r.ctid::text AS row_address
    FROM (
        SELECT value, key FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e (value, key)
        WHERE jsonb_typeof(value) = 'array') j
    CROSS JOIN LATERAL (
        SELECT c.ctid, c.conversation_id, c.priority, c.due_at FROM conversations c
        WHERE c.state = 'ready' AND c.pool = $2 AND c.suspect = $3 AND c.tenant_id = j.value ->> 0
        ORDER BY c.priority DESC, c.due_at LIMIT (j.value ->> 1)::bigint FOR NO KEY UPDATE SKIP LOCKED) r
    ORDER BY j.key, r.priority DESC, r.due_at, r.conversation_id";

/// On PostgreSQL, instead of [`HEADS`]: conversations that this transaction has locked, with their heads. $1 batch of (address of
/// the row).
pub const HEADS_OF: &str = "
    SELECT c.ctid::text AS row_address, c.tenant_id, c.conversation_id, c.agent_key, c.fence,
        (SELECT a.held_reason IS NOT NULL OR a.paused = 1 FROM agent_profiles a
            WHERE a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key) AS held,
        m.message_id, m.trace_id, m.available_at, m.not_before, m.attempts, m.crashes
    FROM (
        SELECT value, key FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e (value, key)
        WHERE jsonb_typeof(value) = 'array') j
    JOIN conversations c ON c.ctid = (j.value ->> 0)::tid
    LEFT JOIN LATERAL (
        SELECT q.message_id, q.trace_id, q.available_at, q.not_before, q.attempts, q.crashes FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1) m ON true
    ORDER BY j.key";

/// The first conversations of each tenant, with their heads. $1 batch of (tenant, how many), $2 pool, $3 suspects or not,
/// $4 the most of one tenant.
pub const HEADS: &str = "
    SELECT NULL AS row_address, c.tenant_id, c.conversation_id, c.agent_key, c.fence, a.held_reason IS NOT NULL OR a.paused = 1 AS held,
        m.message_id, m.trace_id, m.available_at, m.not_before, m.attempts, m.crashes
    FROM jsonb_each($1) j
    CROSS JOIN conversations c
    JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    LEFT JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = (
        SELECT q.message_id FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1)
    WHERE (c.tenant_id, c.conversation_id) IN (
        SELECT r.tenant_id, r.conversation_id FROM conversations r
        WHERE r.state = 'ready' AND r.pool = $2 AND r.suspect = $3 AND r.tenant_id = j.value ->> 0
        ORDER BY r.priority DESC, r.due_at LIMIT $4)
    ORDER BY j.key, c.priority DESC, c.due_at, c.conversation_id";

/// Conversations given to a worker; on PostgreSQL locked, and found by the addresses of their rows. $1 batch of (tenant, conversation,
/// message, token, available at, address of the row), $2 worker, $3 lease until, $4 deadline.
pub const LEASE: Sql = Sql {
    sqlite: "
    UPDATE conversations SET state = 'leased', due_at = NULL, fence = fence + 1, message_id = j.value ->> 2,
        lease_token = j.value ->> 3, worker_id = $2, lease_until = $3, lease_deadline = $4,
        last_available_at = CASE WHEN last_available_at < j.value ->> 4 THEN j.value ->> 4 ELSE last_available_at END
    FROM jsonb_each($1) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1",
    postgres: "
    UPDATE conversations SET state = 'leased', due_at = NULL, fence = fence + 1, message_id = j.value ->> 2,
        lease_token = j.value ->> 3, worker_id = $2, lease_until = $3, lease_deadline = $4,
        last_available_at = GREATEST(last_available_at, (j.value ->> 4)::bigint)
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE conversations.ctid = (j.value ->> 5)::tid",
};

/// $1 worker, $2 pool, $3 load, $4 now.
pub const WORKER_CLAIMS: &str = "
    INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
    VALUES ($1, $2, 'active', $3, $4, $4)
    ON CONFLICT (worker_id) DO UPDATE SET load = excluded.load, heartbeat_at = excluded.heartbeat_at
    WHERE workers.pool = excluded.pool";

/// What a worker holds. $1 worker, $2 now.
pub const HELD_BY_WORKER: &str = "
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.message_id, c.lease_token, c.fence, c.lease_until, c.suspect,
        m.trace_id, m.attempts, m.crashes
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
    WHERE c.state = 'leased' AND c.lease_until > $2 AND c.worker_id = $1";
