-- Who may ask the control plane for what. Found by the SHA-256 of the token, which is shown once and not stored.
CREATE TABLE api_tokens (
    token_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(token_hash) = 64),
    scope      TEXT   NOT NULL CHECK (scope IN ('operator', 'tenant-admin', 'app', 'worker')),
    tenant_id  TEXT COLLATE "C" REFERENCES tenants (tenant_id),
    pool       TEXT COLLATE "C",
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    CHECK ((scope IN ('tenant-admin', 'app')) = (tenant_id IS NOT NULL)),
    CHECK ((scope = 'worker') = (pool IS NOT NULL))
);

CREATE INDEX api_tokens_created ON api_tokens (created_at, token_id);
