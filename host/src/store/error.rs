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
    /// No id could be made.
    #[error(transparent)]
    NoRandomness(#[from] Arc<crate::clock::NoRandomness>),
}

fn is_of_postgres(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
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
                sqlx::Error::Database(error) if is_of_postgres(&**error) => {
                    // PostgreSQL's classes: connection, rollback by the server (a deadlock), resources, locks, operator
                    // intervention, system.
                    let code = error.code().unwrap_or_default();
                    ["08", "40", "53", "55", "57", "58"]
                        .iter()
                        .any(|class| code.starts_with(class))
                }
                sqlx::Error::Database(error) => {
                    // SQLite's primary codes: BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN.
                    let code = error.code().and_then(|code| code.parse::<u32>().ok());
                    code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14))
                }
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                _ => false,
            },
            Self::Open { .. } | Self::Uncertain(_) | Self::Closed | Self::NoRandomness(_) => true,
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
