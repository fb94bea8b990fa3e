-- Skills have versions, and a digest over all of their files, so that the same folder again changes nothing (NULL: stored
-- before there was one).
ALTER TABLE agent_skills ADD COLUMN version BIGINT NOT NULL DEFAULT 1 CHECK (version >= 1);
ALTER TABLE agent_skills ADD COLUMN files_digest TEXT COLLATE "C";

-- Engines that a tenant uploaded: its right to the artifact. An agent is pinned to a digest, so a new version changes no
-- agent until somebody configures it anew.
CREATE TABLE engines (
    tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (tenant_id),
    engine_name TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 1),
    digest      TEXT COLLATE "C" NOT NULL REFERENCES artifacts (digest),
    description TEXT COLLATE "C" NOT NULL,
    size_bytes  BIGINT NOT NULL CHECK (size_bytes >= 0),
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, engine_name, version)
);

-- Engines that the operator uploaded for every tenant.
CREATE TABLE shared_engines (
    engine_name TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL CHECK (version >= 1),
    digest      TEXT COLLATE "C" NOT NULL REFERENCES artifacts (digest),
    description TEXT COLLATE "C" NOT NULL,
    size_bytes  BIGINT NOT NULL CHECK (size_bytes >= 0),
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (engine_name, version)
);
