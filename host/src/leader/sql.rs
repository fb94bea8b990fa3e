//! The statements of leadership.

use crate::store::Sql;

/// A row to lock. $1 name.
pub(super) const MAKE: &str =
    "INSERT INTO leaderships (name, fence) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING";

/// Who leads, without a lock. $1 name.
pub(super) const LOOK: &str = "SELECT holder, fence, held_until FROM leaderships WHERE name = $1";

/// To take the lead. A candidate waits for nobody: where the row is locked, somebody leads or is about to. $1 name.
pub(super) const LOCK_FREE: Sql = Sql {
    sqlite: LOOK,
    postgres: "SELECT holder, fence, held_until FROM leaderships WHERE name = $1 FOR NO KEY UPDATE SKIP LOCKED",
};

/// To keep the lead or give it up. $1 name.
pub(super) const LOCK: Sql = Sql {
    sqlite: LOOK,
    postgres: "SELECT holder, fence, held_until FROM leaderships WHERE name = $1 FOR NO KEY UPDATE",
};

/// To write as the leader: until the transaction has ended, nobody else can take the lead. $1 name.
pub(super) const LOCK_SHARED: Sql = Sql {
    sqlite: LOOK,
    postgres: "SELECT holder, fence, held_until FROM leaderships WHERE name = $1 FOR SHARE",
};

/// $1 name, $2 holder, $3 fence, $4 held until.
pub(super) const HOLD: &str =
    "UPDATE leaderships SET holder = $2, fence = $3, held_until = $4 WHERE name = $1";

/// The fence stays: the next holder's is higher. $1 name.
pub(super) const RELEASE: &str =
    "UPDATE leaderships SET holder = NULL, held_until = NULL WHERE name = $1";
