-- What a component was admitted as (its kind, and a digest of its tools) is under the signature of its compiled code.
-- Empty where it was signed before that: such a row is for workers of before, and is compiled anew for others.
ALTER TABLE compiled_components ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What code was compiled for, and when a control plane last led or admitted with it: code for a platform of which nobody was
-- heard for long is cleared away.
CREATE TABLE component_platforms (
    compatibility TEXT COLLATE "C"   NOT NULL,
    target        TEXT COLLATE "C"   NOT NULL,
    used_at       BIGINT NOT NULL,
    PRIMARY KEY (compatibility, target)
);

-- Components that do not compile for a platform, with the last reason. Removed once one does.
CREATE TABLE component_failures (
    digest        TEXT COLLATE "C"   NOT NULL REFERENCES artifacts (digest),
    compatibility TEXT COLLATE "C"   NOT NULL,
    target        TEXT COLLATE "C"   NOT NULL,
    reason        TEXT COLLATE "C"   NOT NULL,
    attempts      BIGINT NOT NULL CHECK (attempts >= 1),
    failed_at     BIGINT NOT NULL,
    PRIMARY KEY (digest, compatibility, target)
);

-- When an artifact that was here already was brought again: whoever brought it is about to refer to it. Apart from the
-- artifact, whose row is as large as its bytes.
CREATE TABLE artifact_uses (
    digest  TEXT COLLATE "C"   NOT NULL PRIMARY KEY REFERENCES artifacts (digest),
    used_at BIGINT NOT NULL
);

-- Who refers to an artifact, and how old one is without a look at its bytes.
CREATE INDEX artifacts_age ON artifacts (digest, created_at);
CREATE INDEX agent_profiles_engine ON agent_profiles (engine_digest);
CREATE INDEX agent_skills_component ON agent_skills (component_digest) WHERE component_digest IS NOT NULL;
CREATE INDEX skill_assets_digest ON skill_assets (digest);
CREATE INDEX engines_digest ON engines (digest);
CREATE INDEX shared_engines_digest ON shared_engines (digest);
