//! Work is given out.

use crate::store::Sql;

macro_rules! look_before_claim {
    ($now:literal) => {
        concat!(
            "
    SELECT COALESCE(t.tenant_id, '') AS tenant_id, COALESCE(t.suspect_tenant_id, '') AS suspect_tenant_id,
        COALESCE(t.suspect_last, 0) AS suspect_last,
        EXISTS (SELECT 1 FROM heads WHERE state = 'ready' AND pool = $1 AND suspect = 1) AS suspects,
        EXISTS (SELECT 1 FROM leases WHERE suspect = 1 AND worker_id = $2) AS runs_suspect,
        w.pool AS worker_pool, w.status AS worker_status, w.load AS worker_load, w.heartbeat_at AS worker_heartbeat_at,
        EXISTS (SELECT 1 FROM heads WHERE state = 'waiting' AND due_at <= moment.ms) AS due,
        EXISTS (SELECT 1 FROM leases WHERE lease_until <= moment.ms) AS expired,
        EXISTS (SELECT 1 FROM agent_profiles WHERE resuming = 1) AS resuming,
        moment.ms AS now
    FROM (SELECT ",
            $now,
            " AS ms) AS moment
    LEFT JOIN claim_turns t ON t.pool = $1
    LEFT JOIN workers w ON w.worker_id = $2"
        )
    };
}

/// What a claim begins with: what time has done since somebody looked last, whose turn it is in the pool, whether suspects
/// wait there, and what is known of the worker. $1 pool, $2 worker, $3 now, NULL on PostgreSQL to ask the clock.
pub const LOOK_BEFORE_CLAIM: Sql = Sql {
    sqlite: look_before_claim!("CAST($3 AS BIGINT)"),
    postgres: look_before_claim!("COALESCE($3, clock_ms())"),
};

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
        SELECT (SELECT c.tenant_id FROM heads c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > $3
            ORDER BY c.tenant_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT c.tenant_id FROM heads c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id > b.tenant_id
            ORDER BY c.tenant_id LIMIT 1), b.steps + 1
        FROM behind b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    ),
    before (tenant_id, steps) AS (
        SELECT (SELECT c.tenant_id FROM heads c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2 AND c.tenant_id <= $3
            ORDER BY c.tenant_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT c.tenant_id FROM heads c
            WHERE c.state = 'ready' AND c.pool = $1 AND c.suspect = $2
                AND c.tenant_id > b.tenant_id AND c.tenant_id <= $3
            ORDER BY c.tenant_id LIMIT 1), b.steps + 1
        FROM before b WHERE b.tenant_id IS NOT NULL AND b.steps < $4
    )
    SELECT turns.tenant_id, COALESCE(t.max_in_flight, $5) - (
        SELECT count(*) FROM leases f WHERE f.tenant_id = turns.tenant_id) AS room
    FROM (
        SELECT lap, tenant_id FROM (
            SELECT 0 AS lap, tenant_id FROM behind WHERE tenant_id IS NOT NULL
            UNION ALL
            SELECT 1 AS lap, tenant_id FROM before WHERE tenant_id IS NOT NULL
        ) AS laps ORDER BY lap, tenant_id LIMIT $4
    ) AS turns
    JOIN tenants t ON t.tenant_id = turns.tenant_id
    ORDER BY turns.lap, turns.tenant_id";

/// The first conversations of each tenant, those of one in the order in which they are given out, each with a fence should it
/// be leased. On PostgreSQL locked, but for those that others have locked. Of conversations and messages nothing is read: whoever
/// changes a head writes it here. $1 pool, $2 suspects or not, $3 now, $4 the most of one tenant, $5 batch of (tenant, how many).
pub const READY: Sql = Sql {
    sqlite: "
    SELECT h.tenant_id, h.conversation_id, h.agent_key, h.message_id, h.trace_id, h.attempts, h.crashes,
        COALESCE(h.not_before, 0) > $3 AS early, a.held_reason IS NOT NULL OR a.paused = 1 AS held,
        f.last + row_number() OVER () AS fence, NULL AS row_address
    FROM jsonb_each($5) j
    CROSS JOIN heads h
    CROSS JOIN agent_profiles a ON a.tenant_id = h.tenant_id AND a.agent_key = h.agent_key
    CROSS JOIN lease_fences f
    WHERE (h.tenant_id, h.conversation_id) IN (
        SELECT r.tenant_id, r.conversation_id FROM heads r
        WHERE r.state = 'ready' AND r.pool = $1 AND r.suspect = $2 AND r.tenant_id = j.value ->> 0
        ORDER BY r.priority DESC, r.due_at LIMIT $4)
    ORDER BY j.key, h.priority DESC, h.due_at, h.conversation_id",
    postgres: "
    WITH named AS MATERIALIZED (
        SELECT j.key, r.*
        FROM (
            SELECT value, key FROM jsonb_array_elements($5::jsonb) WITH ORDINALITY AS e (value, key)
            WHERE jsonb_typeof(value) = 'array') j
        CROSS JOIN LATERAL (
            SELECT h.ctid AS row_address, h.tenant_id, h.conversation_id, h.agent_key, h.message_id, h.trace_id, h.attempts,
                h.crashes, h.not_before, h.priority, h.due_at
            FROM heads h
            WHERE h.state = 'ready' AND h.pool = $1 AND h.suspect = $2 AND h.tenant_id = j.value ->> 0
            ORDER BY h.priority DESC, h.due_at LIMIT LEAST((j.value ->> 1)::bigint, $4) FOR UPDATE SKIP LOCKED) r
    ), held AS MATERIALIZED (
        SELECT a.tenant_id, a.agent_key
        FROM (SELECT DISTINCT tenant_id, agent_key FROM named) n
        CROSS JOIN LATERAL (
            SELECT p.tenant_id, p.agent_key FROM agent_profiles p
            WHERE p.tenant_id = n.tenant_id AND p.agent_key = n.agent_key AND (p.held_reason IS NOT NULL OR p.paused = 1) LIMIT 1) a
    )
    SELECT n.tenant_id, n.conversation_id, n.agent_key, n.message_id, n.trace_id, n.attempts, n.crashes,
        COALESCE(n.not_before, 0) > $3 AS early,
        EXISTS (SELECT 1 FROM held a WHERE a.tenant_id = n.tenant_id AND a.agent_key = n.agent_key) AS held,
        nextval('lease_fences') AS fence, n.row_address::text AS row_address
    FROM named n
    ORDER BY n.key, n.priority DESC, n.due_at, n.conversation_id",
};

/// Conversations that were found ready and are not: their agent is held, or the clock has stepped back before their time. On
/// PostgreSQL they are locked, and the agents with them as by [`super::RELEASE`]. $1 now, $2 columns of (tenant, conversation, agent,
/// address of the row).
pub const PARK: Sql = Sql {
    sqlite: "
    UPDATE heads SET state = CASE
        WHEN EXISTS (
            SELECT 1 FROM agent_profiles p
            WHERE p.tenant_id = heads.tenant_id AND p.agent_key = heads.agent_key
                AND (p.held_reason IS NOT NULL OR p.paused = 1)) THEN 'held'
        WHEN heads.not_before > $1 THEN 'waiting' ELSE 'ready' END
    FROM jsonb_each($2) j
    WHERE heads.tenant_id = j.value ->> 0 AND heads.conversation_id = j.value ->> 1",
    postgres: "
    WITH named AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
            AS u (tenant_id, conversation_id, agent_key, row_address)
    ), held AS MATERIALIZED (
        SELECT a.tenant_id, a.agent_key
        FROM (SELECT DISTINCT tenant_id, agent_key FROM named ORDER BY tenant_id, agent_key) n
        CROSS JOIN LATERAL (
            SELECT p.tenant_id, p.agent_key FROM agent_profiles p
            WHERE p.tenant_id = n.tenant_id AND p.agent_key = n.agent_key AND (p.held_reason IS NOT NULL OR p.paused = 1)
            FOR SHARE SKIP LOCKED) a
    )
    UPDATE heads h SET state = CASE WHEN a.agent_key IS NOT NULL THEN 'held' WHEN h.not_before > $1 THEN 'waiting' ELSE 'ready' END
    FROM named n
    LEFT JOIN held a ON a.tenant_id = n.tenant_id AND a.agent_key = n.agent_key
    WHERE h.ctid = n.row_address::tid AND h.tenant_id || '' = n.tenant_id AND h.conversation_id || '' = n.conversation_id",
};

/// Conversations given to a worker. On PostgreSQL they are locked, and found by the addresses of their rows; on SQLite the first
/// half of it, [`super::LEAVE_HEADS`] and [`PASS_FENCES`] are the rest. $1 worker, $2 lease until, $3 deadline, $4 columns of
/// (tenant, conversation, fence, token, address of the row).
pub const LEASE: Sql = Sql {
    sqlite: "
    INSERT INTO leases (tenant_id, conversation_id, agent_key, pool, message_id, trace_id, attempts, crashes, max_attempts,
        suspect, fence, worker_id, lease_token, lease_until, lease_deadline, cancelling)
    SELECT h.tenant_id, h.conversation_id, h.agent_key, h.pool, h.message_id, h.trace_id, h.attempts, h.crashes, h.max_attempts,
        h.suspect, j.value ->> 2, $1, j.value ->> 3, $2, $3, 0
    FROM jsonb_each($4) j
    CROSS JOIN heads h ON h.tenant_id = j.value ->> 0 AND h.conversation_id = j.value ->> 1",
    postgres: "
    WITH gone AS (
        DELETE FROM heads h
        USING (
            SELECT * FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
                AS u (tenant_id, conversation_id, fence, lease_token, row_address)
            WHERE fence > 0) j
        WHERE h.ctid = j.row_address::tid AND h.tenant_id || '' = j.tenant_id AND h.conversation_id || '' = j.conversation_id
        RETURNING h.tenant_id, h.conversation_id, h.agent_key, h.pool, h.message_id, h.trace_id, h.attempts, h.crashes,
            h.max_attempts, h.suspect, j.fence, j.lease_token
    )
    INSERT INTO leases (tenant_id, conversation_id, agent_key, pool, message_id, trace_id, attempts, crashes, max_attempts,
        suspect, fence, worker_id, lease_token, lease_until, lease_deadline, cancelling)
    SELECT tenant_id, conversation_id, agent_key, pool, message_id, trace_id, attempts, crashes, max_attempts, suspect, fence,
        $1, lease_token, $2, $3, 0
    FROM gone",
};

/// Fences that were given out on SQLite; PostgreSQL's counter moves by itself. $1 the last of them.
pub const PASS_FENCES: &str = "UPDATE lease_fences SET last = $1 WHERE last < $1";

/// $1 worker, $2 pool, $3 load, $4 now.
pub const WORKER_CLAIMS: &str = "
    INSERT INTO workers (worker_id, pool, status, load, started_at, heartbeat_at)
    VALUES ($1, $2, 'active', $3, $4, $4)
    ON CONFLICT (worker_id) DO UPDATE SET load = excluded.load, heartbeat_at = excluded.heartbeat_at
    WHERE workers.pool = excluded.pool";

/// What a worker holds. $1 worker, $2 now.
pub const HELD_BY_WORKER: &str = "
    SELECT tenant_id, conversation_id, agent_key, message_id, lease_token, fence, lease_until, suspect, trace_id, attempts, crashes
    FROM leases
    WHERE lease_until > $2 AND worker_id = $1";
