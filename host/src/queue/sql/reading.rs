//! What a person, an app and the scheduler read.

/// A message that is to be done or was given up. $1 tenant, $2 message.
pub const MESSAGE_STATUS: &str = "
    SELECT m.conversation_id, c.agent_key, m.status, m.attempts, m.crashes, m.max_attempts, m.last_error,
        m.enqueued_at, m.not_before, m.finished_at, COALESCE(c.paused_reason, a.held_reason, t.paused_reason) AS held_reason,
        EXISTS (
            SELECT 1 FROM leases l
            WHERE l.tenant_id = m.tenant_id AND l.conversation_id = m.conversation_id AND l.message_id = m.message_id) AS leased
    FROM message_queue m
    JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
    JOIN agent_profiles a ON a.tenant_id = c.tenant_id AND a.agent_key = c.agent_key
    JOIN tenants t ON t.tenant_id = m.tenant_id
    WHERE m.tenant_id = $1 AND m.message_id = $2";

/// A message that is done or cancelled. $1 tenant, $2 message.
pub const FINISHED_STATUS: &str = "
    SELECT f.conversation_id, c.agent_key, f.outcome AS status, f.attempts, f.crashes, f.max_attempts, f.last_error,
        f.enqueued_at, NULL AS not_before, f.finished_at, NULL AS held_reason, 1 = 0 AS leased
    FROM finished_messages f
    JOIN conversations c ON c.tenant_id = f.tenant_id AND c.conversation_id = f.conversation_id
    WHERE f.tenant_id = $1 AND f.message_id = $2";

macro_rules! stats {
    ($of:literal, $dead_letters:literal) => {
        concat!(
            "
    SELECT
        count(CASE WHEN q.state = 'ready' OR (q.state = 'waiting' AND q.due_at <= $2) THEN 1 END) AS ready,
        count(CASE WHEN q.state = 'waiting' AND q.due_at > $2 THEN 1 END) AS waiting,
        count(CASE WHEN q.state = 'held' THEN 1 END) AS held,
        min(CASE WHEN q.state = 'ready' OR (q.state = 'waiting' AND q.due_at <= $2) THEN q.due_at END) AS oldest_due_at,
        (SELECT count(*) FROM leases l WHERE l.",
            $of,
            " = $1) AS leased,
        (SELECT count(*) FROM message_queue m ",
            $dead_letters,
            ") AS dead_letters,
        (SELECT count(*) FROM outbox_lanes l WHERE l.state <> 'idle' AND l.",
            $of,
            " = $1) AS lanes
    FROM heads q WHERE q.",
            $of,
            " = $1"
        )
    };
}

/// Walks conversations with something to do, those with workers, dead letters and busy lanes. $1 pool, $2 now.
pub const STATS_OF_POOL: &str = stats!(
    "pool",
    "JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
        WHERE m.status = 'dead_letter' AND c.pool = $1"
);

/// As [`STATS_OF_POOL`]. $1 tenant, $2 now.
pub const STATS_OF_TENANT: &str = stats!(
    "tenant_id",
    "WHERE m.tenant_id = $1 AND m.status = 'dead_letter'"
);

/// $1 how many.
pub const POOLS: &str = "
    WITH RECURSIVE step (pool) AS (
        SELECT pool FROM (SELECT pool FROM agent_profiles ORDER BY pool LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT a.pool FROM agent_profiles a WHERE a.pool > step.pool ORDER BY a.pool LIMIT 1) FROM step
        WHERE step.pool IS NOT NULL
    )
    SELECT pool FROM step WHERE pool IS NOT NULL LIMIT $1";
