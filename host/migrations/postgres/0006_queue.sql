-- Finished messages leave the table that claims read; SQLite's twin of the same name says what each table is for. Differs
-- by necessity: text compares by its bytes, and tables whose rows come and go keep room and are vacuumed early.

CREATE TABLE outbox_0006 (
    tenant_id           TEXT COLLATE "C" NOT NULL,
    outbox_id           TEXT COLLATE "C" NOT NULL,
    conversation_id     TEXT COLLATE "C" NOT NULL,
    seq                 BIGINT NOT NULL,
    message_id          TEXT COLLATE "C" NOT NULL,
    trace_id            TEXT COLLATE "C" NOT NULL,
    channel             TEXT COLLATE "C" NOT NULL,
    body                TEXT COLLATE "C" NOT NULL,
    status              TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts            BIGINT NOT NULL CHECK (attempts >= 0),
    last_error          TEXT COLLATE "C",
    provider_message_id TEXT COLLATE "C",
    created_at          BIGINT NOT NULL,
    settled_at          BIGINT,
    PRIMARY KEY (tenant_id, outbox_id),
    UNIQUE (tenant_id, conversation_id, seq),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id),
    CHECK ((status = 'pending') = (settled_at IS NULL))
);
INSERT INTO outbox_0006
    SELECT o.tenant_id, o.outbox_id, o.conversation_id, o.seq, o.message_id, m.trace_id, o.channel, o.body, o.status,
        o.attempts, o.last_error, o.provider_message_id, o.created_at, o.settled_at
    FROM outbox o JOIN message_queue m ON m.tenant_id = o.tenant_id AND m.message_id = o.message_id;
DROP TABLE outbox;
ALTER TABLE outbox_0006 RENAME TO outbox;
CREATE INDEX outbox_pending ON outbox (tenant_id, conversation_id, seq) WHERE status = 'pending';
CREATE INDEX outbox_of_message ON outbox (tenant_id, message_id, seq);

CREATE TABLE receipts_0006 (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    fence      BIGINT NOT NULL,
    ordinal    BIGINT NOT NULL,
    receipt    TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, fence, ordinal)
);
INSERT INTO receipts_0006 SELECT tenant_id, message_id, fence, ordinal, receipt, created_at FROM receipts;
DROP TABLE receipts;
ALTER TABLE receipts_0006 RENAME TO receipts;

CREATE TABLE key_value_calls_0006 (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    call       TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, call)
);
INSERT INTO key_value_calls_0006 SELECT tenant_id, message_id, call, version FROM key_value_calls;
DROP TABLE key_value_calls;
ALTER TABLE key_value_calls_0006 RENAME TO key_value_calls;

-- Where accepted messages came from. A source's second message of one id is the first again; `digest` says whether it
-- brings the same (NULL: accepted before there was one). Goes when its message does. No foreign key, here and below: each row
-- would lock its tenant's, which all of the tenant's messages would then share.
CREATE TABLE message_sources (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    source     TEXT COLLATE "C" NOT NULL,
    source_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    digest     TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, source, source_id)
);
INSERT INTO message_sources
    SELECT tenant_id, source, source_id, message_id, NULL FROM message_queue WHERE source_id IS NOT NULL;

-- Messages that are done or cancelled, kept for a while: for whoever asks, and so that a repeat is known for one. What a message brought
-- is in its conversation's history. `settled_token` is the lease that settled it, so that a repeated completion is told it succeeded.
CREATE TABLE finished_messages (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    message_id      TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,
    outcome         TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('done', 'cancelled')),
    source          TEXT COLLATE "C" NOT NULL,
    source_id       TEXT COLLATE "C",
    trace_id        TEXT COLLATE "C" NOT NULL,
    attempts        BIGINT NOT NULL CHECK (attempts >= 0),
    crashes         BIGINT NOT NULL CHECK (crashes >= 0),
    max_attempts    BIGINT NOT NULL CHECK (max_attempts >= 1),
    last_error      TEXT COLLATE "C",
    settled_token   TEXT COLLATE "C",
    enqueued_at     BIGINT NOT NULL,
    finished_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
);
INSERT INTO finished_messages
    SELECT tenant_id, message_id, conversation_id, seq, 'done', source, source_id, trace_id, attempts, crashes, max_attempts,
        last_error, settled_token, enqueued_at, finished_at
    FROM message_queue WHERE status = 'done';
CREATE INDEX finished_messages_of_tenant ON finished_messages (tenant_id, finished_at, message_id);

CREATE TABLE message_queue_0006 (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    message_id      TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,
    status          TEXT COLLATE "C" NOT NULL CHECK (status IN ('queued', 'dead_letter')),
    payload         TEXT COLLATE "C" NOT NULL,
    priority        BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 100),
    source          TEXT COLLATE "C" NOT NULL,
    source_id       TEXT COLLATE "C",
    trace_id        TEXT COLLATE "C" NOT NULL,
    available_at    BIGINT NOT NULL,
    not_before      BIGINT,
    attempts        BIGINT NOT NULL CHECK (attempts >= 0),
    crashes         BIGINT NOT NULL CHECK (crashes >= 0),
    max_attempts    BIGINT NOT NULL CHECK (max_attempts >= 1),
    started_at      BIGINT,
    last_error      TEXT COLLATE "C",
    enqueued_at     BIGINT NOT NULL,
    finished_at     BIGINT,
    PRIMARY KEY (tenant_id, message_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id),
    CHECK ((status = 'dead_letter') = (finished_at IS NOT NULL))
);
INSERT INTO message_queue_0006
    SELECT tenant_id, message_id, conversation_id, seq, CASE WHEN status = 'processing' THEN 'queued' ELSE status END,
        payload, priority, source, source_id, trace_id, available_at, not_before, attempts, crashes, max_attempts,
        started_at, last_error, enqueued_at, finished_at
    FROM message_queue WHERE status <> 'done';
DROP TABLE message_queue;
ALTER TABLE message_queue_0006 RENAME TO message_queue;
-- The head of a conversation is the first of its entries here.
CREATE UNIQUE INDEX message_queue_head ON message_queue (tenant_id, conversation_id, available_at, seq) WHERE status = 'queued';
CREATE INDEX message_queue_dead ON message_queue (tenant_id, finished_at) WHERE status = 'dead_letter';

-- How each attempt of a message ended that did not settle it. Goes when its message does.
CREATE TABLE message_attempts (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    fence      BIGINT NOT NULL,
    attempt    BIGINT NOT NULL CHECK (attempt >= 1),
    outcome    TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('failed', 'crashed')),
    error      TEXT COLLATE "C" NOT NULL,
    worker_id  TEXT COLLATE "C",
    ended_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, fence)
);

-- `paused_reason` is set while a person lets the conversation wait; its head is `held` then. `cancelling` says that the
-- message in a worker's hands is not wanted any more: however its turn ends but well, it is cancelled.
ALTER TABLE conversations ADD COLUMN paused_reason TEXT COLLATE "C";
ALTER TABLE conversations ADD COLUMN cancelling BIGINT NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1));
-- What a tenant has in flight, what a resume and the figures of the queue read: conversations with something to do, and no
-- others.
DROP INDEX conversations_busy;
CREATE INDEX conversations_busy ON conversations (tenant_id, state, agent_key, pool, due_at) WHERE state <> 'idle';

-- `paused_reason` is set while a person lets the whole tenant wait, and `paused` on each of its agents with it.
-- `max_in_flight` bounds the messages workers have of it at once; NULL: as configured.
ALTER TABLE tenants ADD COLUMN paused_reason TEXT COLLATE "C";
ALTER TABLE tenants ADD COLUMN max_in_flight BIGINT CHECK (max_in_flight >= 1);
ALTER TABLE agent_profiles ADD COLUMN paused BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1) AND (paused = 0 OR resuming = 0));

ALTER TABLE message_queue SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE outbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
-- Rows come at the end and go from the beginning.
ALTER TABLE message_sources SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE finished_messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
