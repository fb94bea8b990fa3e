use super::lease::{self, LeaderError, LeaderLease};
use crate::domain::LeaderId;
use crate::store::{Db, StoreError};
use std::time::Duration;

/// A candidate for the lead of one set of loops: this process, in this life.
#[derive(Debug)]
pub struct Leadership {
    db: Db,
    name: &'static str,
    holder: LeaderId,
    lease_for: Duration,
    held: Option<LeaderLease>,
}

/// Where a candidate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads.
    Leading(LeaderLease),
    /// Somebody else does.
    Following {
        /// When that one's lease ends, unless it is renewed.
        ends_in: Duration,
    },
}

impl Leadership {
    /// A candidate that leads nothing yet. `holder` is new in every life of a process; `lease_for` is how long the lead
    /// lasts without being renewed.
    #[must_use]
    pub const fn new(db: Db, name: &'static str, holder: LeaderId, lease_for: Duration) -> Self {
        Self {
            db,
            name,
            holder,
            lease_for,
            held: None,
        }
    }

    /// The database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The time between two ticks: a third of the lease, so that one may get lost.
    #[must_use]
    pub fn renew_every(&self) -> Duration {
        self.lease_for / 3
    }

    /// Keep the lead, take it, or learn who has it.
    ///
    /// # Errors
    /// Where the database fails. Whether the lead is kept shows at the next tick; until then, what a loop writes is
    /// checked as ever.
    pub async fn tick(&mut self) -> Result<Standing, StoreError> {
        if let Some(held) = &self.held {
            match self.renew(held.clone()).await {
                Ok(()) => return Ok(Standing::Leading(held.clone())),
                Err(LeaderError::Store(error)) => return Err(error),
                Err(LeaderError::Lost) => {
                    tracing::warn!(fence = held.fence.0, "the lead was lost");
                    self.held = None;
                }
            }
        }
        // Read first: followers write nothing while somebody leads.
        if let Some(ends_in) = self.held_by_another().await? {
            return Ok(Standing::Following { ends_in });
        }
        let (name, holder, lease_for) = (self.name, self.holder.clone(), self.lease_for);
        let acquired: Result<_, StoreError> = self
            .db
            .write(move |tx| {
                Box::pin(async move { lease::acquire(tx, name, &holder, lease_for).await })
            })
            .await;
        self.held = acquired?;
        Ok(match &self.held {
            Some(held) => {
                tracing::info!(name = held.name, fence = held.fence.0, "leading");
                Standing::Leading(held.clone())
            }
            None => Standing::Following {
                ends_in: self.lease_for,
            },
        })
    }

    /// Give the lead up, where this candidate has it.
    ///
    /// # Errors
    /// Where the database fails; the lease then ends by itself.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        let released = self
            .db
            .write(move |tx| Box::pin(async move { lease::release(tx, &held).await }));
        match released.await {
            Ok(()) | Err(LeaderError::Lost) => Ok(()),
            Err(LeaderError::Store(error)) => Err(error),
        }
    }

    async fn renew(&self, held: LeaderLease) -> Result<(), LeaderError> {
        let lease_for = self.lease_for;
        self.db
            .write(move |tx| Box::pin(async move { lease::renew(tx, &held, lease_for).await }))
            .await
    }

    async fn held_by_another(&self) -> Result<Option<Duration>, StoreError> {
        let name = self.name;
        self.db
            .read(move |tx| Box::pin(async move { lease::held_for(tx, name).await }))
            .await
    }
}
