//! Prolonging what runs.

use super::Worker;
use crate::control::Beat;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

impl Worker {
    /// Every third of a lease, until `drained`.
    pub(super) async fn heartbeats(self, drained: CancellationToken) {
        let mut every = tokio::time::interval(self.0.settings.heartbeat_every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while drained.run_until_cancelled(every.tick()).await.is_some() {
            self.heartbeat().await;
        }
    }

    /// One heartbeat for all turns in flight. A turn whose lease is lost stops.
    pub(super) async fn heartbeat(&self) {
        let (numbers, leases): (Vec<_>, Vec<_>) = self.0.flight.leases().into_iter().unzip();
        match self
            .0
            .plane
            .heartbeat(&self.0.settings.worker_id, &self.0.settings.pool, &leases)
            .await
        {
            Ok(beats) => {
                for (number, beat) in numbers.into_iter().zip(beats) {
                    if beat == Beat::Lost {
                        self.0.flight.cancel(number);
                    }
                }
            }
            // The leases last for two more beats. Where they run out, their next write is refused.
            Err(error) => tracing::warn!(%error, "no heartbeat"),
        }
    }
}
