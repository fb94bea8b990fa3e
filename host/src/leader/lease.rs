use super::sql;
use crate::domain::{Fence, LeaderId, Timestamp};
use crate::store::{Db, StoreError, Topic, Tx, Work, on_tx};
use crate::telemetry::Metrics;
use std::time::Duration;

/// The right to run the singleton loops of one name, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderLease {
    /// Which loops.
    pub name: &'static str,
    /// This life of this candidate.
    pub holder: LeaderId,
    /// Number of this holding: higher than that of every one before it.
    pub fence: Fence,
}

/// Why an operation of a leader did nothing.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The lease has ended, or another process leads. Nothing of the transaction takes effect.
    #[error("the lead is lost; another process runs the singleton loops or is about to")]
    Lost,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for LeaderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The row of a leadership.
#[derive(sqlx::FromRow)]
struct Row {
    holder: Option<LeaderId>,
    fence: Fence,
    held_until: Option<Timestamp>,
}

/// How long the present holder of `name` has left; none where nobody holds it.
///
/// # Errors
/// Where the database fails.
pub async fn held_for(tx: &mut Tx, name: &str) -> Result<Option<Duration>, StoreError> {
    let row = read(tx, sql::LOOK, name).await?;
    let now = tx.now().await?;
    let until = row.and_then(|row| row.held_until);
    Ok(until
        .filter(|until| *until > now)
        .map(|until| now.until(until)))
}

/// Take the lead of `name` where nobody has it, or whoever had it let its lease end. Each success has a fence of its
/// own, also where the same holder had it before: what happened in between is unknown.
///
/// # Errors
/// Where the database fails.
pub async fn acquire(
    tx: &mut Tx,
    name: &'static str,
    holder: &LeaderId,
    lease_for: Duration,
) -> Result<Option<LeaderLease>, StoreError> {
    on_tx!(tx, |conn| sqlx::query(sql::MAKE)
        .bind(name)
        .execute(conn)
        .await
        .map(drop))?;
    let statement = tx.sql(sql::LOCK_FREE);
    let row = read(tx, statement, name).await?;
    let now = tx.now().await?;
    let Some(row) = row.filter(|row| row.held_until.is_none_or(|until| until <= now)) else {
        return Ok(None);
    };
    let lease = LeaderLease {
        name,
        holder: holder.clone(),
        fence: Fence(row.fence.0.saturating_add(1)),
    };
    hold(tx, &lease, now.plus(lease_for)).await?;
    tx.raise(Topic::Leadership);
    Ok(Some(lease))
}

/// Keep the lead for `lease_for` from now.
///
/// # Errors
/// [`LeaderError::Lost`] where the lease is not what leads any more, or has ended without anybody taking over.
pub async fn renew(
    tx: &mut Tx,
    lease: &LeaderLease,
    lease_for: Duration,
) -> Result<(), LeaderError> {
    let statement = tx.sql(sql::LOCK);
    let now = alive(tx, statement, lease).await?;
    Ok(hold(tx, lease, now.plus(lease_for)).await?)
}

/// Give the lead up: the next candidate takes it at once.
///
/// # Errors
/// As [`renew`].
pub async fn release(tx: &mut Tx, lease: &LeaderLease) -> Result<(), LeaderError> {
    let statement = tx.sql(sql::LOCK);
    alive(tx, statement, lease).await?;
    on_tx!(tx, |conn| sqlx::query(sql::RELEASE)
        .bind(lease.name)
        .execute(conn)
        .await
        .map(drop))?;
    tx.raise(Topic::Leadership);
    Ok(())
}

/// The fence of every write of a singleton loop: whether `lease` still leads. Comes before all else in its transaction,
/// and keeps others from taking the lead until that has ended; so what a former leader writes is either committed before
/// the next one begins, or refused here.
///
/// # Errors
/// As [`renew`].
pub async fn check(tx: &mut Tx, lease: &LeaderLease) -> Result<(), LeaderError> {
    let statement = tx.sql(sql::LOCK_SHARED);
    alive(tx, statement, lease).await.map(drop)
}

/// The database as a singleton loop has it: what it writes is checked first.
#[derive(Clone, Debug)]
pub struct Fenced {
    db: Db,
    lease: LeaderLease,
}

impl Fenced {
    /// `db` under `lease`.
    #[must_use]
    pub const fn new(db: Db, lease: LeaderLease) -> Self {
        Self { db, lease }
    }

    /// Under which lease.
    #[must_use]
    pub const fn lease(&self) -> &LeaderLease {
        &self.lease
    }

    /// Where what a loop does is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.db.metrics()
    }

    /// As [`Db::write`], begun with [`check`].
    ///
    /// # Errors
    /// [`LeaderError::Lost`], or what `work` answers.
    pub async fn write<T, F>(&self, work: F) -> Result<T, LeaderError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, StoreError> + Send + 'static,
    {
        let lease = self.lease.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    check(tx, &lease).await?;
                    Ok(work(tx).await?)
                })
            })
            .await
    }
}

async fn read(tx: &mut Tx, statement: &'static str, name: &str) -> Result<Option<Row>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(name)
        .fetch_optional(conn)
        .await)?)
}

/// The moment, where `lease` leads at it.
async fn alive(
    tx: &mut Tx,
    statement: &'static str,
    lease: &LeaderLease,
) -> Result<Timestamp, LeaderError> {
    let row = read(tx, statement, lease.name).await?;
    // After a wait for the row: a lease that ended meanwhile has ended.
    let now = tx.now().await?;
    let leads = row.is_some_and(|row| {
        row.holder.as_ref() == Some(&lease.holder)
            && row.fence == lease.fence
            && row.held_until.is_some_and(|until| until > now)
    });
    leads.then_some(now).ok_or(LeaderError::Lost)
}

async fn hold(tx: &mut Tx, lease: &LeaderLease, until: Timestamp) -> Result<(), StoreError> {
    on_tx!(tx, |conn| sqlx::query(sql::HOLD)
        .bind(lease.name)
        .bind(&lease.holder)
        .bind(lease.fence)
        .bind(until)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
