-- What is given out leaves the conversation's row. A message changed that row twice, and with it each of its indexes; now a
-- conversation's row is written when a message arrives, and what comes and goes with each turn is in two narrow tables:
-- `heads` has the conversations with something to do, `leases` those that a worker has. A conversation in neither is idle; none is
-- in both. Whoever changes what a conversation waits for locks its row first and then its entry here; a claim moves an entry
-- from the one table to the other and needs the entry alone. No foreign keys, here and below: each row would lock its conversation's.
--
-- `state` says what a claim may do with the conversation:
--   waiting  its head falls due at `due_at`
--   ready    its head is due
--   held     it, its agent or its tenant waits for a person
-- The head is the queued message with the lowest (available_at, seq). What a claim and a lease need of it is repeated here; only
-- what holds the conversation's row changes it, and writes this anew. `suspect`: it was lost with a worker before.
CREATE TABLE heads (
    tenant_id       TEXT   NOT NULL,
    conversation_id TEXT   NOT NULL,
    agent_key       TEXT   NOT NULL,
    pool            TEXT   NOT NULL,
    state           TEXT   NOT NULL CHECK (state IN ('waiting', 'ready', 'held')),
    priority        BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 100),
    due_at          BIGINT NOT NULL,
    suspect         BIGINT NOT NULL CHECK (suspect IN (0, 1)),
    message_id      TEXT   NOT NULL,
    trace_id        TEXT   NOT NULL,
    available_at    BIGINT NOT NULL,
    not_before      BIGINT,
    attempts        BIGINT NOT NULL,
    crashes         BIGINT NOT NULL,
    max_attempts    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id),
    CHECK (due_at = COALESCE(not_before, available_at)),
    CHECK ((suspect = 1) = (crashes > 0))
);
INSERT INTO heads
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.pool, c.state, m.priority, COALESCE(m.not_before, m.available_at),
        CASE WHEN m.crashes > 0 THEN 1 ELSE 0 END, m.message_id, m.trace_id, m.available_at, m.not_before, m.attempts, m.crashes,
        m.max_attempts
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = (
        SELECT q.message_id FROM message_queue q
        WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.status = 'queued'
        ORDER BY q.available_at, q.seq LIMIT 1)
    WHERE c.state IN ('waiting', 'ready', 'held');
-- What a claim reads, and all it reads.
CREATE INDEX heads_ready ON heads (pool, suspect, tenant_id, priority DESC, due_at) WHERE state = 'ready';
-- What the promotion reads, a bounded step at a time.
CREATE INDEX heads_waiting ON heads (due_at) WHERE state = 'waiting';
-- What a resume reads.
CREATE INDEX heads_held ON heads (tenant_id, agent_key) WHERE state = 'held';

-- What workers have. `started_at` is when the turn was known to run: from then on a lost worker is a crash of its message.
-- `cancelling` says that the message is not wanted any more: however its turn ends but well, it is cancelled.
CREATE TABLE leases (
    tenant_id       TEXT   NOT NULL,
    conversation_id TEXT   NOT NULL,
    agent_key       TEXT   NOT NULL,
    pool            TEXT   NOT NULL,
    message_id      TEXT   NOT NULL,
    trace_id        TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    crashes         BIGINT NOT NULL,
    max_attempts    BIGINT NOT NULL,
    suspect         BIGINT NOT NULL CHECK (suspect IN (0, 1)),
    fence           BIGINT NOT NULL CHECK (fence >= 1),
    worker_id       TEXT   NOT NULL,
    lease_token     TEXT   NOT NULL,
    lease_until     BIGINT NOT NULL,
    lease_deadline  BIGINT NOT NULL,
    started_at      BIGINT,
    cancelling      BIGINT NOT NULL CHECK (cancelling IN (0, 1)),
    PRIMARY KEY (tenant_id, conversation_id)
);
INSERT INTO leases
    SELECT c.tenant_id, c.conversation_id, c.agent_key, c.pool, c.message_id, m.trace_id, m.attempts, m.crashes, m.max_attempts,
        c.suspect, c.fence, c.worker_id, c.lease_token, c.lease_until, c.lease_deadline, m.started_at, c.cancelling
    FROM conversations c
    JOIN message_queue m ON m.tenant_id = c.tenant_id AND m.message_id = c.message_id
    WHERE c.state = 'leased';
-- What the expiry sweep reads.
CREATE INDEX leases_until ON leases (lease_until);
-- Whether a worker runs a suspect: it is given nothing beside one.
CREATE INDEX leases_suspect ON leases (worker_id) WHERE suspect = 1;

-- A head that is ready stands before all that arrives from now on, also where it was scheduled.
UPDATE conversations SET last_available_at = (
        SELECT h.available_at FROM heads h
        WHERE h.tenant_id = conversations.tenant_id AND h.conversation_id = conversations.conversation_id)
    WHERE state = 'ready' AND last_available_at < (
        SELECT h.available_at FROM heads h
        WHERE h.tenant_id = conversations.tenant_id AND h.conversation_id = conversations.conversation_id);

DROP INDEX conversations_ready;
DROP INDEX conversations_waiting;
DROP INDEX conversations_leased;
DROP INDEX conversations_suspect;
DROP INDEX conversations_busy;

-- Each database in its own words from here on.
--
-- Fences are numbers from one counter, each greater than all before: so also of one conversation. The counter begins behind the
-- fences that were given out.
CREATE TABLE lease_fences (
    last BIGINT NOT NULL
);
INSERT INTO lease_fences SELECT COALESCE(max(fence), 0) FROM conversations;

-- A column that a CHECK names can only leave with its table. Whoever refers to the table finds it again before the end of the
-- transaction, until which nobody asks; the index is for those who are asked then, and goes again.
PRAGMA defer_foreign_keys = ON;
CREATE INDEX message_queue_0011 ON message_queue (tenant_id, conversation_id);
CREATE TABLE conversations_0011 AS
    SELECT tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, paused_reason, created_at
    FROM conversations;
DROP TABLE conversations;
CREATE TABLE conversations (
    tenant_id         TEXT   NOT NULL,
    conversation_id   TEXT   NOT NULL,
    agent_key         TEXT   NOT NULL,
    pool              TEXT   NOT NULL,
    next_seq          BIGINT NOT NULL CHECK (next_seq >= 1),
    last_available_at BIGINT NOT NULL,
    paused_reason     TEXT,
    created_at        BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key)
);
INSERT INTO conversations
    SELECT tenant_id, conversation_id, agent_key, pool, next_seq, last_available_at, paused_reason, created_at
    FROM conversations_0011;
DROP TABLE conversations_0011;
DROP INDEX message_queue_0011;
ALTER TABLE message_queue DROP COLUMN started_at;
