use sqlx::postgres::PgDatabaseError;
use std::sync::Arc;

/// The database did not do what it was asked to. Shows no row.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, or its schema cannot be brought up to date.
    #[error("open the database {database}: {reason}")]
    Open {
        /// Which, without a password.
        database: String,
        /// Why not.
        reason: String,
    },
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[source] Arc<sqlx::Error>),
    /// The transaction could not be begun or committed; nothing of it took effect.
    #[error("a transaction failed; nothing of it took effect")]
    Transaction(#[source] Arc<sqlx::Error>),
    /// The connection was lost while the transaction committed. It may have taken effect or not; whoever repeats an
    /// operation is told of what is done already.
    #[error(
        "the connection was lost during a commit; repeat the operation to learn whether it took effect"
    )]
    Uncertain(#[source] Arc<sqlx::Error>),
    /// The database was closed while a write waited for its turn; it took no effect.
    #[error("the database is closed")]
    Closed,
    /// A row holds what no version of this program wrote.
    #[error("a stored {what} cannot be read: {reason}")]
    Corrupt {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that this transaction has locked was not where it should be when it was written. Nothing of it took effect.
    #[error("a {what} that was locked was not found again; the same once more may find it")]
    Moved {
        /// Which kind of row.
        what: &'static str,
    },
    /// No id could be made.
    #[error(transparent)]
    NoRandomness(#[from] Arc<crate::clock::NoRandomness>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(Arc::new(error))
    }
}

impl From<crate::clock::NoRandomness> for StoreError {
    fn from(error: crate::clock::NoRandomness) -> Self {
        Self::NoRandomness(Arc::new(error))
    }
}

impl StoreError {
    /// Whether the same again may succeed: the disk, a lock or a connection was in the way, and not what was asked.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Statement(error) | Self::Transaction(error) => match &**error {
                sqlx::Error::Database(error) => {
                    let postgres = error.try_downcast_ref::<PgDatabaseError>().is_some();
                    error
                        .code()
                        .is_some_and(|code| is_passing_code(&code, postgres))
                }
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                _ => false,
            },
            Self::Uncertain(_)
            | Self::Open { .. }
            | Self::Closed
            | Self::Moved { .. }
            | Self::NoRandomness(_) => true,
            Self::Corrupt { .. } => false,
        }
    }

    /// A column that does not parse as what it holds.
    pub fn corrupt(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |error| Self::Corrupt {
            what,
            reason: error.to_string(),
        }
    }
}

/// By the database's own codes.
fn is_passing_code(code: &str, postgres: bool) -> bool {
    if postgres {
        // Connection exceptions, deadlocks and serialization failures, missing resources, lock timeouts, shutdowns.
        const CLASSES: [&str; 4] = ["08", "40", "53", "58"];
        let class = code.get(..2).unwrap_or_default();
        return CLASSES.contains(&class) || code == "55P03" || code.starts_with("57P0");
    }
    // SQLite's primary codes: BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN.
    let code = code.parse::<u32>().ok();
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_database_passes_and_a_broken_constraint_does_not() {
        for (code, postgres, passing) in [
            ("5", false, true),
            ("517", false, true),
            ("13", false, true),
            ("1555", false, false),
            ("18", false, false),
            ("40P01", true, true),
            ("57P01", true, true),
            ("23505", true, false),
            ("22021", true, false),
        ] {
            assert_eq!(is_passing_code(code, postgres), passing, "{code}");
        }
    }
}
