//! The statements of receipts.

use crate::store::Sql;

/// The receipts of one attempt; those that are there already are left as they are. Differs by necessity: the functions of JSON,
/// and that PostgreSQL counts from 1. $1 tenant, $2 message, $3 fence, $4 now, $5 batch, $6 agent.
pub const STORE: Sql = Sql {
    sqlite: "
    INSERT INTO receipts (tenant_id, message_id, fence, ordinal, receipt, created_at, agent_key, skill, outcome)
    SELECT $1, $2, $3, j.key, j.value ->> 'receipt', $4, $6, j.value ->> 'skill', j.value ->> 'outcome'
    FROM json_each($5) AS j WHERE true
    ON CONFLICT DO NOTHING",
    postgres: "
    INSERT INTO receipts (tenant_id, message_id, fence, ordinal, receipt, created_at, agent_key, skill, outcome)
    SELECT $1, $2, $3, j.key - 1, j.value ->> 'receipt', $4, $6, j.value ->> 'skill', j.value ->> 'outcome'
    FROM json_array_elements($5::json) WITH ORDINALITY AS j (value, key)
    ON CONFLICT DO NOTHING",
};

/// Receipts of a tenant, latest first, of those that are looked at. $1 tenant, $2 to $5 the place before, $6 how many are looked
/// at; $7 agent, $8 skill, $9 outcome, each '' for any; $10 how many.
pub const OF_TENANT: &str = "
    SELECT agent_key, receipt, created_at, fence, ordinal, message_id FROM (
        SELECT * FROM receipts
        WHERE tenant_id = $1 AND (created_at, message_id, fence, ordinal) < ($2, $3, $4, $5)
        ORDER BY created_at DESC, message_id DESC, fence DESC, ordinal DESC LIMIT $6
    ) AS looked_at
    WHERE ($7 = '' OR agent_key = $7) AND ($8 = '' OR skill = $8) AND ($9 = '' OR outcome = $9)
    ORDER BY created_at DESC, message_id DESC, fence DESC, ordinal DESC LIMIT $10";

/// The last of those that are looked at. $1 tenant, $2 to $5 the place before, $6 how many are looked at before it.
pub const LAST_LOOKED_AT: &str = "
    SELECT created_at, fence, ordinal, message_id FROM receipts
    WHERE tenant_id = $1 AND (created_at, message_id, fence, ordinal) < ($2, $3, $4, $5)
    ORDER BY created_at DESC, message_id DESC, fence DESC, ordinal DESC LIMIT 1 OFFSET $6";

/// Receipts of a message, latest first. $1 tenant, $2 message, $3 and $4 the place before; $5 agent, $6 skill, $7 outcome, each
/// '' for any; $8 how many.
pub const OF_MESSAGE: &str = "
    SELECT agent_key, receipt, created_at, fence, ordinal, message_id FROM receipts
    WHERE tenant_id = $1 AND message_id = $2 AND (fence, ordinal) < ($3, $4)
        AND ($5 = '' OR agent_key = $5) AND ($6 = '' OR skill = $6) AND ($7 = '' OR outcome = $7)
    ORDER BY fence DESC, ordinal DESC LIMIT $8";

/// The first tenant after $1 with a receipt that was stored at $2 or before.
pub const NEXT_TO_FORGET: &str = "
    SELECT t.tenant_id FROM tenants t
    WHERE t.tenant_id > $1 AND EXISTS (
        SELECT 1 FROM receipts r WHERE r.tenant_id = t.tenant_id AND r.created_at <= $2)
    ORDER BY t.tenant_id LIMIT 1";

/// Forget the oldest. $1 tenant, $2 stored at this or before, $3 how many.
pub const FORGET: &str = "
    DELETE FROM receipts WHERE (tenant_id, message_id, fence, ordinal) IN (
        SELECT tenant_id, message_id, fence, ordinal FROM receipts
        WHERE tenant_id = $1 AND created_at <= $2
        ORDER BY created_at, message_id, fence, ordinal LIMIT $3)";
