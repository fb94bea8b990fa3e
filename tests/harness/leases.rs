//! Leases that are over when a test says so, not when a clock does: a test on the database's own clock would have to
//! choose between leases that are long to wait for and leases that a busy machine outlives.

use sqlx::{Connection as _, Executor as _};

/// What time would do to every lease of a turn and of a lane that is given at this moment.
const END: [&str; 2] = [
    "UPDATE leases SET lease_until = 1",
    "UPDATE outbox_lanes SET lease_until = 1 WHERE state = 'leased'",
];

/// In the database at `url`, which other processes have open, let every lease be over. The next claim or sweep finds it so.
pub async fn end_leases(url: &str) {
    for statement in END {
        let ended = if url.starts_with("sqlite:") {
            let mut conn = sqlx::SqliteConnection::connect(url).await.expect("SQLite");
            conn.execute(statement).await.map(drop)
        } else {
            let mut conn = sqlx::PgConnection::connect(url).await.expect("PostgreSQL");
            conn.execute(statement).await.map(drop)
        };
        ended.expect("ended leases");
    }
}
