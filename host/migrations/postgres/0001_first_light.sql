-- The first schema, the twin of SQLite's of the same name, which says what each table is for. Differs by necessity: bytes
-- are BYTEA; text compares by its bytes (COLLATE "C") whatever the server's language, since listings promise that order;
-- JSON stays TEXT, which keeps it as it came; and tables whose rows change with every claim keep room in their pages and
-- are vacuumed early, so that dead rows do not pile up where a claim begins to read. Every row has its tenant, and primary and
-- foreign keys carry it, so that no statement can reach across by mistake. A CHECK states each state
-- machine, so that a wrong statement fails instead of leaving a row no state describes.

CREATE TABLE tenants (
    tenant_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- Bytes by SHA-256, stored once for all tenants. Knowing a digest grants nothing: `skill_assets` and
-- `agent_profiles` say who may use one.
CREATE TABLE artifacts (
    digest     TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    bytes      BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

-- What a component was compiled to, for one wasmtime configuration and one target, and what it offers. Signed by the
-- control plane; workers refuse what it did not sign.
CREATE TABLE compiled_components (
    digest        TEXT COLLATE "C" NOT NULL REFERENCES artifacts (digest),
    compatibility TEXT COLLATE "C" NOT NULL,
    target        TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('skill', 'engine')),
    tools         TEXT COLLATE "C" NOT NULL,
    signature     BYTEA  NOT NULL,
    bytes         BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (digest, compatibility, target)
);

-- Agents (`agentProfiles`). `held_*` is set while the agent waits for a person; its messages wait with it.
-- `resuming` is set from the resume until the last of its held conversations has been let go.
-- `snapshot_digest` is NULL while something the compiled snapshot is made of has changed since; each such change raises
-- `content_version`, so that a snapshot built before the change does not become the current one after it. `kv_version`
-- counts the agent's key-value writes.
CREATE TABLE agent_profiles (
    tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant_id),
    agent_key       TEXT COLLATE "C" NOT NULL,
    pool            TEXT COLLATE "C" NOT NULL,
    version         BIGINT NOT NULL CHECK (version >= 1),
    enabled         BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    engine_name     TEXT COLLATE "C" NOT NULL,
    engine_digest   TEXT COLLATE "C" NOT NULL REFERENCES artifacts (digest),
    time_zone       TEXT COLLATE "C" NOT NULL,
    runtime_config  TEXT COLLATE "C" NOT NULL,
    secrets_ref     TEXT COLLATE "C" NOT NULL,
    held_reason     TEXT COLLATE "C",
    held_at         BIGINT,
    resuming        BIGINT NOT NULL DEFAULT 0 CHECK (resuming IN (0, 1)),
    snapshot_digest TEXT COLLATE "C",
    content_version BIGINT NOT NULL DEFAULT 0,
    kv_version      BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_key),
    CHECK ((held_reason IS NULL) = (held_at IS NULL)),
    CHECK (resuming = 0 OR held_reason IS NULL)
);

CREATE INDEX agent_profiles_resuming ON agent_profiles (tenant_id, agent_key) WHERE resuming = 1;

-- The unit of scheduling. `state` says what a claim may do with the conversation:
--   idle     nothing pending
--   waiting  the head falls due at `due_at`
--   ready    the head is due
--   leased   a worker has the head; `lease_*` and `message_id` say who and which
--   held     the agent waits for a person
-- The head is the queued message with the lowest (available_at, seq); `due_at` is when it may run, and
-- `priority` and `suspect` (it was lost with a worker before) are the head's.
CREATE TABLE conversations (
    tenant_id         TEXT COLLATE "C" NOT NULL,
    conversation_id   TEXT COLLATE "C" NOT NULL,
    agent_key         TEXT COLLATE "C" NOT NULL,
    pool              TEXT COLLATE "C" NOT NULL,
    state             TEXT COLLATE "C" NOT NULL CHECK (state IN ('idle', 'waiting', 'ready', 'leased', 'held')),
    next_seq          BIGINT NOT NULL CHECK (next_seq >= 1),
    last_available_at BIGINT NOT NULL,
    priority          BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 100),
    due_at            BIGINT,
    suspect           BIGINT NOT NULL CHECK (suspect IN (0, 1)),
    fence             BIGINT NOT NULL CHECK (fence >= 0),
    message_id        TEXT COLLATE "C",
    worker_id         TEXT COLLATE "C",
    lease_token       TEXT COLLATE "C",
    lease_until       BIGINT,
    lease_deadline    BIGINT,
    created_at        BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key),
    CHECK ((state IN ('waiting', 'ready')) = (due_at IS NOT NULL)),
    CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (message_id IS NULL)),
    CHECK ((lease_token IS NULL) = (worker_id IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_deadline IS NULL))
);

-- What a claim reads, and all it reads.
CREATE INDEX conversations_ready ON conversations (pool, suspect, tenant_id, priority DESC, due_at)
    WHERE state = 'ready';
-- What the promotion reads, a bounded step at a time.
CREATE INDEX conversations_waiting ON conversations (due_at) WHERE state = 'waiting';
-- What the expiry sweep reads.
CREATE INDEX conversations_leased ON conversations (lease_until) WHERE state = 'leased';
-- Whether a worker runs a suspect: it is given nothing beside one.
CREATE INDEX conversations_suspect ON conversations (worker_id) WHERE state = 'leased' AND suspect = 1;
-- What a resume and the figures of the queue read: conversations with something to do, and no others.
CREATE INDEX conversations_busy ON conversations (tenant_id, agent_key, state, pool, due_at) WHERE state <> 'idle';

-- Whose turn it is: the tenant a pool served last, one for suspects and one for all else ('' before the first), and
-- whether the last claim of an idle worker took a suspect, so that neither kind starves the other.
CREATE TABLE claim_turns (
    pool              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id         TEXT COLLATE "C" NOT NULL,
    suspect_tenant_id TEXT COLLATE "C" NOT NULL,
    suspect_last      BIGINT NOT NULL CHECK (suspect_last IN (0, 1))
);

-- Messages (`messageQueue`). A message keeps its place (available_at, seq) through retries; `not_before` says when
-- it may run (NULL: at once), and is all that a schedule or a backoff moves. `settled_token` is the lease that settled it, so that a repeated completion
-- is told it succeeded.
CREATE TABLE message_queue (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    message_id      TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,
    status          TEXT COLLATE "C" NOT NULL CHECK (status IN ('queued', 'processing', 'done', 'dead_letter')),
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
    settled_token   TEXT COLLATE "C",
    enqueued_at     BIGINT NOT NULL,
    finished_at     BIGINT,
    PRIMARY KEY (tenant_id, message_id),
    UNIQUE (tenant_id, conversation_id, seq),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id),
    CHECK ((status IN ('done', 'dead_letter')) = (finished_at IS NOT NULL)),
    CHECK (started_at IS NULL OR status = 'processing' OR finished_at IS NOT NULL)
);

CREATE INDEX message_queue_head ON message_queue (tenant_id, conversation_id, available_at, seq) WHERE status = 'queued';
-- A repeated delivery of the same message from the same source is the same message.
CREATE UNIQUE INDEX message_queue_source ON message_queue (tenant_id, source, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX message_queue_dead ON message_queue (tenant_id, finished_at) WHERE status = 'dead_letter';

CREATE TABLE workers (
    worker_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    pool         TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'draining', 'stopped')),
    load         BIGINT NOT NULL CHECK (load >= 0),
    started_at   BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);

-- Sealed at rest. One active version a name; older ones stay for audit until they are purged.
CREATE TABLE secrets (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant_id),
    secret_ref TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL CHECK (version >= 1),
    active     BIGINT NOT NULL CHECK (active IN (0, 1)),
    key_id     TEXT COLLATE "C" NOT NULL,
    nonce      BYTEA  NOT NULL,
    ciphertext BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, secret_ref, version)
);

CREATE UNIQUE INDEX secrets_active ON secrets (tenant_id, secret_ref) WHERE active = 1;

-- An agent's documents (`workspaceDocuments`). `imported_hash` is the hash of the file last imported: an
-- import changes a document only where the file changed, so that what the agent wrote since is kept.
CREATE TABLE workspace_documents (
    tenant_id     TEXT COLLATE "C" NOT NULL,
    agent_key     TEXT COLLATE "C" NOT NULL,
    path          TEXT COLLATE "C" NOT NULL,
    content       TEXT COLLATE "C" NOT NULL,
    content_hash  TEXT COLLATE "C" NOT NULL,
    imported_hash TEXT COLLATE "C",
    version       BIGINT NOT NULL CHECK (version >= 1),
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_key, path),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key)
);

-- An agent's skills (`agentSkills`). `tools` and `component_digest` are NULL for a skill of instructions only.
CREATE TABLE agent_skills (
    tenant_id        TEXT COLLATE "C" NOT NULL,
    agent_key        TEXT COLLATE "C" NOT NULL,
    skill_key        TEXT COLLATE "C" NOT NULL,
    description      TEXT COLLATE "C" NOT NULL,
    manifest_md      TEXT COLLATE "C" NOT NULL,
    component_digest TEXT COLLATE "C" REFERENCES artifacts (digest),
    tools            TEXT COLLATE "C",
    grants           TEXT COLLATE "C" NOT NULL,
    config           TEXT COLLATE "C" NOT NULL,
    enabled          BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_key, skill_key),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key),
    CHECK ((component_digest IS NULL) = (tools IS NULL))
);

-- The files of a skill (`skillAssets`): the tenant's right to the artifact.
CREATE TABLE skill_assets (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    agent_key  TEXT COLLATE "C" NOT NULL,
    skill_key  TEXT COLLATE "C" NOT NULL,
    asset_path TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind IN ('component', 'script', 'config', 'reference', 'asset')),
    digest     TEXT COLLATE "C" NOT NULL REFERENCES artifacts (digest),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_key, skill_key, asset_path),
    FOREIGN KEY (tenant_id, agent_key, skill_key) REFERENCES agent_skills (tenant_id, agent_key, skill_key)
);

-- Compiled prompt stack, skills and settings, by the digest of their JSON.
CREATE TABLE hydration_snapshots (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant_id),
    digest    TEXT COLLATE "C" NOT NULL,
    agent_key TEXT COLLATE "C" NOT NULL,
    body      TEXT COLLATE "C" NOT NULL,
    built_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);

-- The history of a conversation, one row a message, written by completions only.
CREATE TABLE conversation_messages (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    position        BIGINT NOT NULL CHECK (position >= 1),
    message_id      TEXT COLLATE "C" NOT NULL,
    role            TEXT COLLATE "C" NOT NULL CHECK (role IN ('user', 'assistant')),
    parts           TEXT COLLATE "C" NOT NULL,
    at              BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, position),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id)
);

-- Skills' durable state. `conversation_id` is '' for the agent's scope, `owner` is '' for the engine.
CREATE TABLE key_values (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    agent_key       TEXT COLLATE "C" NOT NULL,
    owner           TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    key             TEXT COLLATE "C" NOT NULL,
    value           BYTEA  NOT NULL,
    version         BIGINT NOT NULL CHECK (version >= 1),
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_key, owner, conversation_id, key),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key)
);

-- Writes of the agent's scope that have taken effect, by the turn and its own key of the call, with their answers: a
-- turn that is run again repeats them, and they change nothing. Deleted when the message is settled.
CREATE TABLE key_value_calls (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    call       TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, call),
    FOREIGN KEY (tenant_id, message_id) REFERENCES message_queue (tenant_id, message_id)
);

-- What each invocation of a component cost and said, for one attempt of one message.
CREATE TABLE receipts (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    fence      BIGINT NOT NULL,
    ordinal    BIGINT NOT NULL,
    receipt    TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, fence, ordinal),
    FOREIGN KEY (tenant_id, message_id) REFERENCES message_queue (tenant_id, message_id)
);

-- Bots, found by the hash of the secret token their webhook carries.
CREATE TABLE bots (
    tenant_id           TEXT COLLATE "C" NOT NULL,
    bot_id              TEXT COLLATE "C" NOT NULL,
    agent_key           TEXT COLLATE "C" NOT NULL,
    token_ref           TEXT COLLATE "C" NOT NULL,
    webhook_secret_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    enabled             BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    created_at          BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, bot_id),
    FOREIGN KEY (tenant_id, agent_key) REFERENCES agent_profiles (tenant_id, agent_key)
);

-- Replies of one conversation on their way out: the unit of delivery, leased as a whole so that its rows leave
-- in order. States as of a conversation.
CREATE TABLE outbox_lanes (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    pool            TEXT COLLATE "C" NOT NULL,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('idle', 'waiting', 'ready', 'leased')),
    next_seq        BIGINT NOT NULL CHECK (next_seq >= 1),
    due_at          BIGINT,
    fence           BIGINT NOT NULL CHECK (fence >= 0),
    worker_id       TEXT COLLATE "C",
    lease_token     TEXT COLLATE "C",
    lease_until     BIGINT,
    lease_deadline  BIGINT,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id),
    CHECK ((state IN ('waiting', 'ready')) = (due_at IS NOT NULL)),
    CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (worker_id IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_deadline IS NULL))
);

CREATE INDEX outbox_lanes_ready ON outbox_lanes (pool, due_at) WHERE state = 'ready';
CREATE INDEX outbox_lanes_waiting ON outbox_lanes (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_lanes_leased ON outbox_lanes (lease_until) WHERE state = 'leased';
CREATE INDEX outbox_lanes_busy ON outbox_lanes (tenant_id, pool) WHERE state <> 'idle';

-- One thing to send. A reply that an app reads by itself is `delivered` from the start: nothing is sent.
CREATE TABLE outbox (
    tenant_id           TEXT COLLATE "C" NOT NULL,
    outbox_id           TEXT COLLATE "C" NOT NULL,
    conversation_id     TEXT COLLATE "C" NOT NULL,
    seq                 BIGINT NOT NULL,
    message_id          TEXT COLLATE "C" NOT NULL,
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
    FOREIGN KEY (tenant_id, message_id) REFERENCES message_queue (tenant_id, message_id),
    CHECK ((status = 'pending') = (settled_at IS NULL))
);

CREATE INDEX outbox_pending ON outbox (tenant_id, conversation_id, seq) WHERE status = 'pending';
CREATE INDEX outbox_of_message ON outbox (tenant_id, message_id, seq);

ALTER TABLE conversations SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE message_queue SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE outbox_lanes SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE outbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE workers SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE claim_turns SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
