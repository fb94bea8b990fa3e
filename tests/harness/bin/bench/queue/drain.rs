//! Claim and complete until nothing wanted is left.

use super::claimer::Claimer;
use super::ledger::Ledger;
use agent_factory::domain::ConversationId;
use anyhow::ensure;
use futures_util::future::try_join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A claimer that found nothing looks again when another one has completed something, and at the latest then.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// By then something is wrong.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a drain took.
pub(super) struct Drained {
    /// From the first claim to the last completion.
    pub(super) elapsed: Duration,
    /// Each claim with its completion, milliseconds.
    pub(super) rounds: Vec<f64>,
    /// From the beginning to each wanted message's completion, milliseconds.
    pub(super) waits: Vec<f64>,
}

impl Drained {
    /// Wanted messages a second.
    #[expect(clippy::cast_precision_loss, reason = "a number of messages in memory")]
    pub(super) fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Claim in batches of `batch` until `goal` messages of the conversations that `wanted` chooses are done.
pub(super) async fn drain(
    claimers: &[Arc<Claimer>],
    batch: u32,
    goal: usize,
    wanted: fn(&ConversationId) -> bool,
    ledger: &Ledger,
) -> anyhow::Result<Drained> {
    let (done, completed) = (AtomicUsize::new(0), Notify::new());
    let begun = Instant::now();
    let (done, completed) = (&done, &completed);
    let all = claimers.iter().map(|claimer| async move {
        let (mut rounds, mut waits) = (Vec::new(), Vec::new());
        while done.load(Ordering::Relaxed) < goal {
            ensure!(begun.elapsed() < PATIENCE, "not done after {PATIENCE:?}");
            let another = completed.notified();
            tokio::pin!(another);
            another.as_mut().enable();
            let start = Instant::now();
            let leases = claimer.claim(batch).await?;
            if leases.is_empty() {
                tokio::time::timeout(LOOK_AGAIN, another).await.ok();
                continue;
            }
            ledger.claimed(&leases);
            let ours = leases
                .iter()
                .filter(|lease| wanted(&lease.conversation_id))
                .count();
            claimer.complete(leases).await?;
            rounds.push(millis(start.elapsed()));
            waits.extend(std::iter::repeat_n(millis(begun.elapsed()), ours));
            done.fetch_add(ours, Ordering::Relaxed);
            completed.notify_waiters();
        }
        Ok((rounds, waits))
    });
    let (mut rounds, mut waits) = (Vec::new(), Vec::new());
    for (own_rounds, own_waits) in try_join_all(all).await? {
        rounds.extend(own_rounds);
        waits.extend(own_waits);
    }
    Ok(Drained {
        elapsed: begun.elapsed(),
        rounds,
        waits,
    })
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
