use super::Tx;
use std::borrow::Cow;

/// One statement in the words of each database. Most statements are the same text for both; where one is not, the two
/// stand next to each other and a comment says what differs by necessity.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// For SQLite, whose writer is alone: it needs no locks.
    pub sqlite: &'static str,
    /// For PostgreSQL, where others write at the same time.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self {
            sqlite: both,
            postgres: both,
        }
    }
}

/// A text without the character 0, which PostgreSQL's texts cannot hold: what a guest made up is stored all the same.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', ""))
    } else {
        Cow::Borrowed(text)
    }
}

impl Tx {
    /// The text of a statement for the database this runs on.
    #[must_use]
    pub const fn sql(&self, statement: Sql) -> &'static str {
        if self.is_shared() {
            statement.postgres
        } else {
            statement.sqlite
        }
    }
}
