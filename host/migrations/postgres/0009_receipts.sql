-- Receipts are listed by tenant, latest first, and go after a while; what they came to stays, by day.
ALTER TABLE receipts ADD COLUMN agent_key TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE receipts ADD COLUMN skill     TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE receipts ADD COLUMN outcome   TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE receipts SET
    skill = COALESCE(receipt::json #>> '{invocation,skill}', ''),
    outcome = COALESCE(receipt::json ->> 'outcome', ''),
    agent_key = COALESCE(
        (SELECT c.agent_key FROM finished_messages m
         JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
         WHERE m.tenant_id = receipts.tenant_id AND m.message_id = receipts.message_id),
        (SELECT c.agent_key FROM message_queue m
         JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
         WHERE m.tenant_id = receipts.tenant_id AND m.message_id = receipts.message_id),
        '');
CREATE INDEX receipts_of_tenant ON receipts (tenant_id, created_at, message_id, fence, ordinal);

-- What a tenant's invocations came to on one day (of UTC, counted from 1970-01-01). `shard` spreads the day over rows, so that
-- completions of one tenant do not wait for each other: a sum is over all of them. Kept when receipts go. No foreign key: each
-- row would lock its tenant's.
CREATE TABLE usage_days (
    tenant_id            TEXT COLLATE "C"   NOT NULL,
    day                  BIGINT NOT NULL,
    shard                BIGINT NOT NULL,
    turns                BIGINT NOT NULL,
    tool_calls           BIGINT NOT NULL,
    model_calls          BIGINT NOT NULL,
    wall_us              BIGINT NOT NULL,
    cpu_us               BIGINT NOT NULL,
    memory_byte_seconds  BIGINT NOT NULL,
    host_calls           BIGINT NOT NULL,
    input_tokens         BIGINT NOT NULL,
    cached_input_tokens  BIGINT NOT NULL,
    output_tokens        BIGINT NOT NULL,
    reasoning_tokens     BIGINT NOT NULL,
    model_request_bytes  BIGINT NOT NULL,
    model_answer_bytes   BIGINT NOT NULL,
    http_calls           BIGINT NOT NULL,
    http_sent_bytes      BIGINT NOT NULL,
    http_received_bytes  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day, shard)
);
