//! What has to be done now and then, by one process: the first singleton loop.
//!
//! Claims sweep before they look, so a busy pool needs nobody to do it; a pool in which nobody claims does, or its backlog
//! would never show. Beside that, rows nobody needs any more are cleared away. Each step is one transaction of a bounded
//! size, fenced as the leader's; a step that stops at its bound is done again at once.

use crate::clock::Ids;
use crate::hydration;
use crate::leader::{Again, Fenced, LeaderError, SingletonLoop};
use crate::outbox;
use crate::queue;
use crate::state::{key_value, receipts};
use async_trait::async_trait;
use std::time::Duration;

/// What is cleared away, and when.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Between two rounds.
    pub every: Duration,
    /// Rows of one kind in one step, at least 1.
    pub batch: u32,
    /// A worker unheard of for so long is forgotten.
    pub workers: Duration,
    /// A snapshot superseded for so long is forgotten; no shorter than the longest lease.
    pub snapshots: Duration,
    /// A message that finished so long ago is forgotten.
    pub finished: Duration,
    /// A receipt that was stored so long ago is forgotten; what it came to stays.
    pub receipts: Duration,
    /// Of the queue's sweep.
    pub queue: queue::Policy,
    /// Of the outbox's sweep.
    pub outbox: outbox::Policy,
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// In the queue.
    pub swept: queue::Swept,
    /// Workers forgotten.
    pub workers: u64,
    /// Snapshots forgotten.
    pub snapshots: u64,
    /// Key-value calls of settled messages forgotten.
    pub calls: u64,
    /// Finished messages forgotten.
    pub messages: u64,
    /// Receipts forgotten.
    pub receipts: u64,
    /// A step stopped at its bound.
    pub more: bool,
}

/// The loop.
#[derive(Clone, Debug)]
pub struct Maintenance {
    policy: Policy,
    ids: Ids,
}

impl Maintenance {
    /// By this policy.
    #[must_use]
    pub const fn new(policy: Policy, ids: Ids) -> Self {
        Self { policy, ids }
    }

    /// One round: each step once.
    ///
    /// # Errors
    /// [`LeaderError::Lost`] at the first step that is not the leader's any more; the steps before it are done.
    pub async fn round(&self, fenced: &Fenced) -> Result<Round, LeaderError> {
        let (queue, ids) = (self.policy.queue.clone(), self.ids.clone());
        let swept = fenced
            .write(move |tx| Box::pin(async move { queue::sweep(tx, &queue, &ids).await }))
            .await?;
        let outbox = self.policy.outbox.clone();
        let more_lanes = fenced
            .write(move |tx| Box::pin(async move { outbox::sweep(tx, &outbox).await }))
            .await?;
        let (unheard, batch) = (self.policy.workers, self.policy.batch);
        let workers = fenced
            .write(move |tx| {
                Box::pin(async move { queue::prune_workers(tx, unheard, batch).await })
            })
            .await?;
        let superseded = self.policy.snapshots;
        let snapshots = fenced
            .write(move |tx| {
                Box::pin(async move { hydration::prune_snapshots(tx, superseded, batch).await })
            })
            .await?;
        let calls = fenced
            .write(move |tx| Box::pin(async move { key_value::prune_calls(tx, batch).await }))
            .await?;
        let (messages, more_messages) = self.forget_messages(fenced).await?;
        let (receipts, more_receipts) = self.forget_receipts(fenced).await?;
        let most = workers.max(snapshots).max(calls);
        Ok(Round {
            swept,
            workers,
            snapshots,
            calls,
            messages,
            receipts,
            more: swept.more
                || more_lanes
                || more_messages
                || more_receipts
                || most >= u64::from(batch),
        })
    }

    /// Finished messages of one tenant after another, a step each. Answers how many, and whether a step stopped at its bound.
    async fn forget_messages(&self, fenced: &Fenced) -> Result<(u64, bool), LeaderError> {
        let (kept, batch) = (self.policy.finished, self.policy.batch);
        let (mut messages, mut more, mut after) = (0_u64, false, String::new());
        loop {
            let step = fenced
                .write(move |tx| {
                    Box::pin(async move { queue::forget_finished(tx, kept, &after, batch).await })
                })
                .await?;
            let Some((tenant, forgotten)) = step else {
                return Ok((messages, more));
            };
            messages = messages.saturating_add(forgotten);
            more |= forgotten >= u64::from(batch);
            after = tenant.into();
        }
    }

    /// Receipts, likewise.
    async fn forget_receipts(&self, fenced: &Fenced) -> Result<(u64, bool), LeaderError> {
        let (kept, batch) = (self.policy.receipts, self.policy.batch);
        let (mut all, mut more, mut after) = (0_u64, false, String::new());
        loop {
            let step = fenced
                .write(move |tx| {
                    Box::pin(async move { receipts::forget(tx, kept, &after, batch).await })
                })
                .await?;
            let Some((tenant, forgotten)) = step else {
                return Ok((all, more));
            };
            all = all.saturating_add(forgotten);
            more |= forgotten >= u64::from(batch);
            after = tenant.into();
        }
    }
}

#[async_trait]
impl SingletonLoop for Maintenance {
    fn name(&self) -> &'static str {
        "maintenance"
    }

    fn every(&self) -> Duration {
        self.policy.every
    }

    async fn tick(&self, fenced: &Fenced) -> Result<Again, LeaderError> {
        let round = self.round(fenced).await?;
        if round != Round::default() {
            tracing::debug!(?round, "maintenance");
        }
        Ok(if round.more {
            Again::AtOnce
        } else {
            Again::Later
        })
    }
}
