//! Agents, tenants and conversations that wait for a person.

use crate::store::Sql;

/// The first reason stays: it is what the person is to act on. $1 tenant, $2 agent, $3 reason, $4 now.
pub const HOLD: &str = "
    UPDATE agent_profiles SET held_reason = COALESCE(held_reason, $3), held_at = COALESCE(held_at, $4),
        resuming = 0, updated_at = $4
    WHERE tenant_id = $1 AND agent_key = $2";

/// An agent whose tenant is paused waits on for that. $1 tenant, $2 agent, $3 now.
pub const RESUME: &str = "
    UPDATE agent_profiles SET held_reason = NULL, held_at = NULL, resuming = 1 - paused, updated_at = $3
    WHERE tenant_id = $1 AND agent_key = $2";

/// The one agent whose conversations are let go next.
pub const RESUMING: Sql = Sql {
    sqlite: "
    SELECT tenant_id, agent_key FROM agent_profiles WHERE resuming = 1 ORDER BY tenant_id, agent_key LIMIT 1",
    postgres: "
    SELECT tenant_id, agent_key FROM agent_profiles WHERE resuming = 1 ORDER BY tenant_id, agent_key LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED",
};

/// Those that wait for their agent, not those that somebody paused. On PostgreSQL locked. $1 tenant, $2 agent, $3 how many.
pub const HELD_CONVERSATIONS: Sql = Sql {
    sqlite: "
    SELECT h.tenant_id, h.conversation_id FROM heads h
    CROSS JOIN conversations c ON c.tenant_id = h.tenant_id AND c.conversation_id = h.conversation_id
    WHERE h.state = 'held' AND h.tenant_id = $1 AND h.agent_key = $2 AND c.paused_reason IS NULL LIMIT $3",
    postgres: "
    SELECT h.tenant_id, h.conversation_id FROM heads h
    JOIN conversations c ON c.tenant_id = h.tenant_id AND c.conversation_id = h.conversation_id
    WHERE h.state = 'held' AND h.tenant_id = $1 AND h.agent_key = $2 AND c.paused_reason IS NULL LIMIT $3
    FOR NO KEY UPDATE OF c, h SKIP LOCKED",
};

/// Unless a conversation is held still: one that somebody else had locked. $1 tenant, $2 agent.
pub const RESUMED: &str = "
    UPDATE agent_profiles SET resuming = 0 WHERE tenant_id = $1 AND agent_key = $2 AND NOT EXISTS (
        SELECT 1 FROM heads h
        JOIN conversations c ON c.tenant_id = h.tenant_id AND c.conversation_id = h.conversation_id
        WHERE h.state = 'held' AND h.tenant_id = $1 AND h.agent_key = $2 AND c.paused_reason IS NULL)";

/// The first reason stays. $1 tenant, $2 reason.
pub const PAUSE_TENANT: &str = "
    UPDATE tenants SET paused_reason = COALESCE(paused_reason, $2) WHERE tenant_id = $1";

/// $1 tenant.
pub const RESUME_TENANT: &str = "UPDATE tenants SET paused_reason = NULL WHERE tenant_id = $1";

/// On PostgreSQL locked first, in the order in which a batch of several agents' conversations locks them. $1 tenant, $2 now.
pub const PAUSE_AGENTS: Sql = Sql {
    sqlite: "
    UPDATE agent_profiles SET paused = 1, resuming = 0, updated_at = $2 WHERE tenant_id = $1 AND paused = 0",
    postgres: "
    WITH locked AS MATERIALIZED (
        SELECT tenant_id, agent_key FROM agent_profiles WHERE tenant_id = $1 AND paused = 0
        ORDER BY agent_key FOR NO KEY UPDATE
    )
    UPDATE agent_profiles a SET paused = 1, resuming = 0, updated_at = $2 FROM locked
    WHERE a.tenant_id = locked.tenant_id AND a.agent_key = locked.agent_key",
};

/// Those that are held wait on for their own reasons. Locked as by [`PAUSE_AGENTS`]. $1 tenant, $2 now.
pub const RESUME_AGENTS: Sql = Sql {
    sqlite: "
    UPDATE agent_profiles SET paused = 0, resuming = CASE WHEN held_reason IS NULL THEN 1 ELSE 0 END, updated_at = $2
    WHERE tenant_id = $1 AND paused = 1",
    postgres: "
    WITH locked AS MATERIALIZED (
        SELECT tenant_id, agent_key FROM agent_profiles WHERE tenant_id = $1 AND paused = 1
        ORDER BY agent_key FOR NO KEY UPDATE
    )
    UPDATE agent_profiles a SET paused = 0, resuming = CASE WHEN a.held_reason IS NULL THEN 1 ELSE 0 END, updated_at = $2
    FROM locked WHERE a.tenant_id = locked.tenant_id AND a.agent_key = locked.agent_key",
};

/// On PostgreSQL, before a batch over several agents writes any of them: all are locked, in one order. $1 batch of (tenant,
/// agent).
pub const LOCK_AGENTS: &str = "
    SELECT 1
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN agent_profiles p ON p.tenant_id = j.value ->> 0 AND p.agent_key = j.value ->> 1
    ORDER BY p.tenant_id, p.agent_key FOR NO KEY UPDATE OF p";

/// The first reason stays. $1 tenant, $2 conversation, $3 reason.
pub const PAUSE_CONVERSATION: &str = "
    UPDATE conversations SET paused_reason = COALESCE(paused_reason, $3)
    WHERE tenant_id = $1 AND conversation_id = $2";

/// $1 tenant, $2 conversation.
pub const RESUME_CONVERSATION: &str = "
    UPDATE conversations SET paused_reason = NULL WHERE tenant_id = $1 AND conversation_id = $2";

/// In flight at most; NULL: as configured. $1 tenant, $2 how many.
pub const LIMIT_TENANT: &str = "UPDATE tenants SET max_in_flight = $2 WHERE tenant_id = $1";
