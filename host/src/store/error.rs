use std::sync::Arc;

/// The database did not do what it was asked to. Never shows values: rows hold tenants' texts.
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
    /// A column that does not parse as what it holds.
    pub fn corrupt(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |error| Self::Corrupt {
            what,
            reason: error.to_string(),
        }
    }
}
