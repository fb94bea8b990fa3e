-- Loops of which one is to run, and what they clear away.

-- Who leads them: one row a set of loops, leased like a conversation. `fence` grows with each new holder and never
-- goes back; the row stays when nobody holds it.
CREATE TABLE leaderships (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fence      BIGINT NOT NULL CHECK (fence >= 0),
    holder     TEXT COLLATE "C",
    held_until BIGINT,
    CHECK ((holder IS NULL) = (held_until IS NULL))
);

-- Since when a snapshot is not its agent's current one; a turn that was told of it before may still ask for it.
ALTER TABLE hydration_snapshots ADD COLUMN superseded_at BIGINT;

CREATE INDEX hydration_snapshots_superseded ON hydration_snapshots (superseded_at) WHERE superseded_at IS NOT NULL;
-- The pools there are, stepped through one by one.
CREATE INDEX agent_profiles_pool ON agent_profiles (pool);
