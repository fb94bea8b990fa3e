//! Claiming turns and running them, as many at once as there are slots.

use super::{Worker, pause_after};
use crate::control::{ClaimRequest, ClaimedTurn};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

impl Worker {
    /// Claim and run until `stop`, then drain.
    pub(super) async fn turns(&self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            // A stop does not wait for a slot: draining has its own time.
            if stop
                .run_until_cancelled(self.wait_for_slot(&mut running))
                .await
                .is_none()
            {
                break;
            }
            if self.claim_and_spawn(&mut running, &stop).await {
                // A message that has crashed a worker before runs, or waits to: nothing may go down with it.
                stop.run_until_cancelled(finish(&mut running)).await;
            }
        }
        self.drain(running).await;
    }

    /// Wait until at least one slot is free.
    async fn wait_for_slot(&self, running: &mut JoinSet<()>) {
        while running.try_join_next().is_some() {}
        if self.free(running) == 0 {
            report(running.join_next().await);
        }
    }

    fn free(&self, running: &JoinSet<()>) -> u32 {
        self.0
            .settings
            .slots
            .saturating_sub(u32::try_from(running.len()).unwrap_or(u32::MAX))
    }

    /// One claim; answers whether to let what runs finish before the next.
    async fn claim_and_spawn(&self, running: &mut JoinSet<()>, stop: &CancellationToken) -> bool {
        let request = ClaimRequest {
            worker_id: self.0.settings.worker_id.clone(),
            pool: self.0.settings.pool.clone(),
            max: self.free(running).min(self.0.settings.claim_max),
            in_flight: u32::try_from(running.len()).unwrap_or(u32::MAX),
            wait: self.0.settings.claim_wait,
            claim: None,
        };
        let claimed = match self.0.plane.claim(request).await {
            Ok(claimed) => claimed,
            Err(error) => {
                stop.run_until_cancelled(pause_after(&error, "claim")).await;
                return false;
            }
        };
        if claimed.drain {
            tracing::info!("told to drain: this worker finishes what it has, and ends");
            stop.cancel();
        }
        let alone = claimed.turns.iter().any(|turn| turn.alone);
        for turn in claimed.turns {
            self.spawn(running, turn);
        }
        alone || claimed.suspects_waiting
    }

    fn spawn(&self, running: &mut JoinSet<()>, turn: ClaimedTurn) {
        // On board before the task first runs: a heartbeat in between must not miss it.
        let boarded = self.0.flight.board(turn.lease.clone());
        let worker = self.clone();
        running.spawn(async move { worker.turn(turn, boarded).await });
    }

    /// Let what runs finish, for a while; then stop it. A stopped turn gives its message back.
    async fn drain(&self, mut running: JoinSet<()>) {
        let finished = tokio::time::timeout(self.0.settings.drain, finish(&mut running)).await;
        if finished.is_err() {
            self.0.flight.cancel_all();
            finish(&mut running).await;
        }
    }
}

async fn finish(running: &mut JoinSet<()>) {
    while let Some(ended) = running.join_next().await {
        report(Some(ended));
    }
}

/// A task ends in a panic only through a mistake in this program; its lease runs out and another worker takes the
/// work.
pub(super) fn report(ended: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = ended {
        tracing::error!(%error, "a task of the worker broke");
    }
}
