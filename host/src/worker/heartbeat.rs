//! Prolonging what runs.

use super::Worker;
use crate::control::{Beat, Heartbeat};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

impl Worker {
    /// Every third of a lease, until `drained`.
    pub(super) async fn heartbeats(self, stop: CancellationToken, drained: CancellationToken) {
        let mut every = tokio::time::interval(self.0.settings.heartbeat_every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while drained.run_until_cancelled(every.tick()).await.is_some() {
            if self.heartbeat().await && !stop.is_cancelled() {
                tracing::info!("told to drain: this worker finishes what it has, and ends");
                stop.cancel();
            }
        }
    }

    /// One heartbeat for all turns in flight. A turn whose lease is lost stops, and one whose answer nobody wants any more.
    /// Answers whether the worker is to end.
    pub(super) async fn heartbeat(&self) -> bool {
        let (numbers, leases): (Vec<_>, Vec<_>) = self.0.flight.leases().into_iter().unzip();
        match self
            .0
            .plane
            .heartbeat(&self.0.settings.worker_id, &self.0.settings.pool, &leases)
            .await
        {
            Ok(Heartbeat { beats, drain }) => {
                for (number, beat) in numbers.into_iter().zip(beats) {
                    match beat {
                        Beat::Extended(_) => {}
                        Beat::Cancel(_) | Beat::Lost => self.0.flight.cancel(number),
                    }
                }
                drain
            }
            // The leases last for two more beats. Where they run out, their next write is refused.
            Err(error) => {
                tracing::warn!(%error, "no heartbeat");
                false
            }
        }
    }
}
