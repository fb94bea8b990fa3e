use super::{Fenced, LeaderError, Leadership, Standing};
use crate::store::{StoreError, Topic};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A loop of which one runs at a time, whatever the number of processes. All of them are led together.
#[async_trait]
pub trait SingletonLoop: Send + Sync + 'static {
    /// As logs and metrics call it.
    fn name(&self) -> &'static str;

    /// The wait between two ticks.
    fn every(&self) -> Duration;

    /// One bounded step. What it writes goes through `fenced`.
    ///
    /// # Errors
    /// [`LeaderError::Lost`] where this process does not lead any more; the loop then waits until it does again.
    async fn tick(&self, fenced: &Fenced) -> Result<Again, LeaderError>;
}

/// When to tick again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At once: the step stopped at a bound with more to do.
    AtOnce,
    /// After the loop's wait.
    Later,
}

/// Whom the loops of this process follow: the lease it leads under, or none.
type Lead = Option<Fenced>;

/// Stand for the lead until `stop`, and run `loops` for as long as it is held. Then let the loops end, and give the lead up:
/// the next candidate takes over at once. Should a loop break, which is a mistake in this program, it cancels `stop`.
pub async fn lead(
    mut leadership: Leadership,
    loops: Vec<Arc<dyn SingletonLoop>>,
    stop: CancellationToken,
) {
    let (lead, following) = watch::channel(None);
    let mut running = JoinSet::new();
    for singleton in loops {
        let looping = run(singleton, following.clone(), stop.clone());
        let guard = stop.clone().drop_guard();
        running.spawn(async move {
            looping.await;
            guard.disarm();
        });
    }
    while !stop.is_cancelled() {
        // Before the tick: a release in between is not missed.
        let mut changed = leadership.db().signals().listen(Topic::Leadership);
        let wait = stand(&mut leadership, &lead).await;
        stop.run_until_cancelled(changed.changed(wait)).await;
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a singleton loop broke");
        }
    }
    if let Err(error) = leadership.release().await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            error,
            "the lead could not be given up; its lease ends by itself"
        );
    }
}

/// One tick of the candidate; answers how long to wait for the next.
async fn stand(leadership: &mut Leadership, lead: &watch::Sender<Lead>) -> Duration {
    let every = leadership.renew_every();
    match leadership.tick().await {
        Ok(Standing::Leading(lease)) => {
            let db = leadership.db().clone();
            lead.send_if_modified(|led| {
                let same = led.as_ref().is_some_and(|led| *led.lease() == lease);
                if !same {
                    *led = Some(Fenced::new(db, lease));
                }
                !same
            });
            every
        }
        Ok(Standing::Following { ends_in }) => {
            lead.send_if_modified(|led| led.take().is_some());
            every.min(ends_in)
        }
        Err(error) => {
            warn_of(&error, "lead");
            every
        }
    }
}

async fn run(
    singleton: Arc<dyn SingletonLoop>,
    mut lead: watch::Receiver<Lead>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let led = lead.borrow_and_update().clone();
        let Some(fenced) = led else {
            stop.run_until_cancelled(lead.changed()).await;
            continue;
        };
        match singleton.tick(&fenced).await {
            Ok(Again::AtOnce) => continue,
            Ok(Again::Later) => {}
            Err(LeaderError::Lost) => {
                tracing::info!(singleton = singleton.name(), "not leading any more");
            }
            Err(LeaderError::Store(error)) => warn_of(&error, singleton.name()),
        }
        let waiting = tokio::time::timeout(singleton.every(), lead.changed());
        stop.run_until_cancelled(waiting).await;
    }
}

fn warn_of(error: &StoreError, doing: &'static str) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(
        error,
        doing,
        "a singleton loop was stopped by the database; it goes on later"
    );
}
