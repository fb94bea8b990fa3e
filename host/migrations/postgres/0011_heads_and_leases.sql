-- What control planes of the version before do at this moment is waited for; then they find their columns gone, and stop. Both
-- tables or neither, since some of their transactions come to the one first and some to the other.
DO $$ BEGIN
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            LOCK TABLE conversations, message_queue IN ACCESS EXCLUSIVE MODE;
            PERFORM set_config('lock_timeout', '0', true);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
END $$;

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
    tenant_id       TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    agent_key       TEXT COLLATE "C" NOT NULL,
    pool            TEXT COLLATE "C" NOT NULL,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'ready', 'held')),
    priority        BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 100),
    due_at          BIGINT NOT NULL,
    suspect         BIGINT NOT NULL CHECK (suspect IN (0, 1)),
    message_id      TEXT COLLATE "C" NOT NULL,
    trace_id        TEXT COLLATE "C" NOT NULL,
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
    tenant_id       TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    agent_key       TEXT COLLATE "C" NOT NULL,
    pool            TEXT COLLATE "C" NOT NULL,
    message_id      TEXT COLLATE "C" NOT NULL,
    trace_id        TEXT COLLATE "C" NOT NULL,
    attempts        BIGINT NOT NULL,
    crashes         BIGINT NOT NULL,
    max_attempts    BIGINT NOT NULL,
    suspect         BIGINT NOT NULL CHECK (suspect IN (0, 1)),
    fence           BIGINT NOT NULL CHECK (fence >= 1),
    worker_id       TEXT COLLATE "C" NOT NULL,
    lease_token     TEXT COLLATE "C" NOT NULL,
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
CREATE SEQUENCE lease_fences;
SELECT setval('lease_fences', COALESCE(max(fence), 0) + 1, false) FROM conversations;

-- The clock of everything: milliseconds of the Unix epoch. Not `now()`, which is the transaction's beginning, before any wait for a
-- lock. As a function, so that a statement that takes locks can say when it had them; tests put their own clock in its place.
CREATE FUNCTION clock_ms() RETURNS BIGINT LANGUAGE SQL
    AS 'SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)';

ALTER TABLE conversations
    DROP COLUMN state,
    DROP COLUMN priority,
    DROP COLUMN due_at,
    DROP COLUMN suspect,
    DROP COLUMN fence,
    DROP COLUMN message_id,
    DROP COLUMN worker_id,
    DROP COLUMN lease_token,
    DROP COLUMN lease_until,
    DROP COLUMN lease_deadline,
    DROP COLUMN cancelling;
ALTER TABLE message_queue DROP COLUMN started_at;

-- Rows of these come and go with every message: there is room for them in the pages, and they are vacuumed early.
ALTER TABLE heads SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE leases SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
