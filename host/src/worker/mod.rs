//! The worker: claims turns, runs them, and delivers what they reply.
//!
//! It is a library over [`ControlPlane`], the same in one process and on a machine of its own. Three loops, each a
//! wait and a tick: `turns` claims and runs, `heartbeat` prolongs what runs, `delivery` sends. A worker keeps
//! nothing that another could not do without: kill it at any point, and its leases run out.

mod delivery;
mod flight;
mod heartbeat;
mod load;
mod lookups;
mod turn;
mod turns;

use crate::control::{ControlError, ControlPlane, RETRY_UNAVAILABLE};
use crate::domain::{Digest, Pool, WorkerId};
use crate::engine::ComponentHost;
use crate::engine::Platform;
use crate::hydration::Snapshot;
use crate::reply::Telegram;
use crate::telemetry::Metrics;
use flight::Flight;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This life of this worker.
    pub worker_id: WorkerId,
    /// Whose conversations it serves.
    pub pool: Pool,
    /// Turns at once.
    pub slots: u32,
    /// Turns one claim takes, at most.
    pub claim_max: u32,
    /// Conversations it delivers to at once.
    pub delivery_slots: u32,
    /// How long one claim waits for work.
    pub claim_wait: Duration,
    /// Between two heartbeats: a third of a lease.
    pub heartbeat_every: Duration,
    /// How long running turns may go on after a stop, before they are given back.
    pub drain: Duration,
    /// Snapshots kept at hand.
    pub snapshots_max: u64,
}

/// A worker. Cheap to clone; clones are the same worker.
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    settings: Settings,
    plane: Arc<dyn ControlPlane>,
    host: ComponentHost,
    platform: Platform,
    telegram: Telegram,
    metrics: Metrics,
    flight: Flight,
    /// By their digest, so that an entry can never be stale.
    snapshots: Cache<Digest, Arc<Snapshot>>,
}

impl Worker {
    /// A worker that reaches everything through `plane`, runs components in `host` and sends with `telegram`. It has
    /// figures of its own ([`Worker::metrics`]).
    #[must_use]
    pub fn new(
        settings: Settings,
        plane: Arc<dyn ControlPlane>,
        host: ComponentHost,
        telegram: Telegram,
    ) -> Self {
        Self::with_metrics(settings, plane, host, telegram, Metrics::new())
    }

    /// As [`Worker::new`], counting where the rest of its process counts.
    #[must_use]
    pub fn with_metrics(
        settings: Settings,
        plane: Arc<dyn ControlPlane>,
        host: ComponentHost,
        telegram: Telegram,
        metrics: Metrics,
    ) -> Self {
        let snapshots = Cache::new(settings.snapshots_max);
        let platform = host.platform();
        let flight = Flight::default();
        Self(Arc::new(Inner {
            settings,
            plane,
            host,
            platform,
            telegram,
            metrics,
            flight,
            snapshots,
        }))
    }

    /// What it has counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Work until `stop`, then drain: claim nothing more, let running turns finish for a while, give back the
    /// rest, send what they replied. Returns when nothing of this worker runs any more. Should a loop break, which is a
    /// mistake in this program, it cancels `stop` itself: half a worker is worse than none.
    pub async fn run(&self, stop: CancellationToken) {
        let (turns_ended, drained) = (CancellationToken::new(), CancellationToken::new());
        let heartbeats = self.clone().heartbeats(stop.clone(), drained.clone());
        let heartbeats = tokio::spawn(watched(heartbeats, stop.clone()));
        let deliveries = self.clone().deliveries(stop.clone(), turns_ended.clone());
        let deliveries = tokio::spawn(watched(deliveries, stop.clone()));
        self.turns(stop).await;
        turns_ended.cancel();
        turns::report(Some(deliveries.await));
        drained.cancel();
        turns::report(Some(heartbeats.await));
    }
}

/// Run a loop; should it end by a panic, stop the worker.
async fn watched(running: impl Future<Output = ()>, stop: CancellationToken) {
    let stop = stop.drop_guard();
    running.await;
    stop.disarm();
}

/// After a request that failed: wait, so that a control plane in trouble is not asked in a hot loop.
async fn pause_after(error: &ControlError, doing: &str) {
    tracing::warn!(%error, doing, "the control plane did not answer; trying again");
    tokio::time::sleep(RETRY_UNAVAILABLE).await;
}
