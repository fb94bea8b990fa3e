//! What a person does to messages: cancel them, replay and purge dead letters.

use crate::store::Sql;

/// Where a message is, to lock its conversation next. $1 tenant, $2 message.
pub const CONVERSATION_OF: &str =
    "SELECT conversation_id FROM message_queue WHERE tenant_id = $1 AND message_id = $2";

/// On PostgreSQL, before [`CONVERSATIONS`]: conversations, locked in one order. $1 batch of (tenant, conversation).
pub const LOCK_CONVERSATIONS: &str = "
    SELECT 1
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    ORDER BY c.tenant_id, c.conversation_id FOR NO KEY UPDATE OF c";

/// Conversations that are locked with their heads, and what workers have of them. $1 batch of (tenant, conversation).
pub const CONVERSATIONS: Sql = Sql {
    sqlite: "
    SELECT c.conversation_id, l.message_id AS leased, c.last_available_at FROM jsonb_each($1) j
    CROSS JOIN conversations c
    LEFT JOIN leases l ON l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id
    WHERE c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1",
    postgres: "
    SELECT c.conversation_id, l.message_id AS leased, c.last_available_at
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN conversations c ON c.tenant_id = j.value ->> 0 AND c.conversation_id = j.value ->> 1
    LEFT JOIN LATERAL (
        SELECT x.message_id FROM leases x
        WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.conversation_id LIMIT 1) l ON true",
};

/// $1 tenant, $2 message.
pub const STATUS_OF: &str =
    "SELECT status FROM message_queue WHERE tenant_id = $1 AND message_id = $2";

/// The message in a worker's hands is not wanted any more. $1 tenant, $2 conversation.
pub const CANCEL_LEASED: &str =
    "UPDATE leases SET cancelling = 1 WHERE tenant_id = $1 AND conversation_id = $2";

/// One dead letter, as of [`DEAD_LETTERS_TO_REPLAY`]. $1 tenant, $2 message.
pub const DEAD_LETTER: &str = "
    SELECT message_id, conversation_id FROM message_queue
    WHERE tenant_id = $1 AND message_id = $2 AND status = 'dead_letter'";

/// Dead letters that were given up longest ago. $1 tenant, $2 how many.
pub const DEAD_LETTERS_TO_REPLAY: &str = "
    SELECT message_id, conversation_id FROM message_queue
    WHERE tenant_id = $1 AND status = 'dead_letter' 
    ORDER BY finished_at, conversation_id, available_at, seq LIMIT $2";

/// Of these, the dead letters, in the order of their places. $1 batch of (tenant, message).
pub const DEAD_LETTERS_IN_ORDER: Sql = Sql {
    sqlite: "
    SELECT m.message_id, m.conversation_id FROM jsonb_each($1) j
    CROSS JOIN message_queue m
    WHERE m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1 AND m.status = 'dead_letter'
    ORDER BY m.conversation_id, m.available_at, m.seq",
    postgres: "
    SELECT m.message_id, m.conversation_id
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    JOIN message_queue m ON m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1 AND m.status = 'dead_letter'
    ORDER BY m.conversation_id, m.available_at, m.seq",
};

/// Places at the end. $1 batch of (tenant, conversation, how many, available at); answers the first of the next.
pub const TAKE_LAST_PLACES: Sql = Sql {
    sqlite: "
    UPDATE conversations SET next_seq = next_seq + (j.value ->> 2), last_available_at = j.value ->> 3
    FROM jsonb_each($1) j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1
    RETURNING conversation_id, next_seq",
    postgres: "
    UPDATE conversations SET next_seq = next_seq + (j.value ->> 2)::bigint, last_available_at = (j.value ->> 3)::bigint
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE conversations.tenant_id = j.value ->> 0 AND conversations.conversation_id = j.value ->> 1
    RETURNING conversation_id, next_seq",
};

/// $1 batch of (tenant, message, seq, available at).
pub const REDRIVE: Sql = Sql {
    sqlite: "
    UPDATE message_queue SET status = 'queued', attempts = 0, seq = j.value ->> 2, available_at = j.value ->> 3,
        not_before = NULL, finished_at = NULL
    FROM jsonb_each($1) j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1",
    postgres: "
    UPDATE message_queue SET status = 'queued', attempts = 0, seq = (j.value ->> 2)::bigint,
        available_at = (j.value ->> 3)::bigint, not_before = NULL, finished_at = NULL
    FROM (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE message_queue.tenant_id = j.value ->> 0 AND message_queue.message_id = j.value ->> 1",
};

/// Dead letters, gone for good. $1 batch of (tenant, message).
pub const PURGE: Sql = Sql {
    sqlite: "
    DELETE FROM message_queue WHERE status = 'dead_letter' AND (tenant_id, message_id) IN (
        SELECT j.value ->> 0, j.value ->> 1 FROM jsonb_each($1) j)
    RETURNING message_id, source, source_id",
    postgres: "
    DELETE FROM message_queue m
    USING (SELECT value FROM jsonb_array_elements($1::jsonb) WHERE jsonb_typeof(value) = 'array') j
    WHERE m.status = 'dead_letter' AND m.tenant_id = j.value ->> 0 AND m.message_id = j.value ->> 1
    RETURNING m.message_id, m.source, m.source_id",
};
