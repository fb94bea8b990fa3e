//! `/metrics`: all figures of this process, those of the queue read when they are asked for.
//!
//! What waits in the queue is a fact of the database, not of a process, and is the same from every control plane. It is read at
//! most once in a while, however often somebody scrapes, and of a bounded number of pools.

use crate::artifacts;
use crate::engine::Platform;
use crate::queue::{self, QueueStats, Scope};
use crate::store::{Db, StoreError};
use crate::telemetry;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Pools told of, the first by name.
const POOLS_MAX: u32 = 64;

/// Makes the page.
#[derive(Debug)]
pub struct Scrape {
    db: Db,
    platform: Platform,
    fresh_for: Duration,
    read_at: Mutex<Option<Instant>>,
}

impl Scrape {
    /// Of the process that has `db` open and compiles for `platform`. Figures of the queue that are younger than `fresh_for` are not read again.
    #[must_use]
    pub const fn new(db: Db, platform: Platform, fresh_for: Duration) -> Self {
        Self {
            db,
            platform,
            fresh_for,
            read_at: Mutex::const_new(None),
        }
    }

    /// The page, in Prometheus' text format. Where the database does not answer, the rest is told, and the error counted.
    pub async fn text(&self) -> String {
        let mut read_at = self.read_at.lock().await;
        let fresh = read_at.is_some_and(|moment| moment.elapsed() < self.fresh_for);
        if !fresh {
            *read_at = Some(Instant::now());
            if let Err(error) = self.read().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the queue's figures cannot be read");
            }
        }
        drop(read_at);
        self.db.metrics().render()
    }

    async fn read(&self) -> Result<(), StoreError> {
        let platform = self.platform.clone();
        let read: Result<_, StoreError> = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let mut figures = Vec::new();
                    for pool in queue::pools(tx, POOLS_MAX).await? {
                        let stats = queue::stats(tx, &Scope::Pool(pool.clone())).await?;
                        figures.push((pool, stats));
                    }
                    Ok((figures, artifacts::counts(tx, &platform).await?))
                })
            })
            .await;
        let (figures, components) = read?;
        for (pool, stats) in figures {
            self.db.metrics().pool(pool.as_str(), &figures_of(&stats));
        }
        self.db.metrics().components([
            ("compiled", components.compiled),
            ("failed", components.failed),
            ("remaining", components.remaining()),
        ]);
        Ok(())
    }
}

fn figures_of(stats: &QueueStats) -> telemetry::Pool {
    telemetry::Pool {
        conversations: [
            ("ready", stats.ready),
            ("waiting", stats.waiting),
            ("leased", stats.leased),
            ("held", stats.held),
        ],
        dead_letters: stats.dead_letters,
        outbox_lanes: stats.outbox_lanes,
        oldest_ready_age: stats.oldest_ready_age,
    }
}
