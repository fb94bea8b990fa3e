//! One turn of a simulated worker, and what becomes of it.

use super::chance::Chance;
use super::events::{Answer, Lease, Trouble, What};
use super::recorder::Recorder;
use super::site::Site;
use super::worker::PAUSE;
use agent_factory::control::{
    Beat, Completion, ControlError, ControlPlane, Failure, HeldLease, Settled,
};
use agent_factory::domain::{self, WorkerId};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a turn comes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It ends well.
    Completes,
    /// It ends well, and says so again.
    Repeats,
    /// It takes longer than a lease lasts, and beats.
    Beats,
    /// It fails, and is to run again.
    Fails,
    /// It fails for good.
    GivesUp,
    /// Its worker is told to stop, before it has begun or after.
    GivenBack(bool),
    /// It stands still until its lease is over, and goes on as if nothing had been.
    Stalls(What),
    /// Its worker dies, before it has begun or after.
    Dies(bool),
}

impl Fate {
    /// Of the run's `number`-th turn. A few are certain, so that every run has some of each.
    pub(super) fn drawn(number: usize, chance: &mut Chance) -> Self {
        match number % 50 {
            10 => return Self::Dies(true),
            20 => return Self::Stalls(What::Complete),
            _ => {}
        }
        match chance.below(100) {
            0..62 => Self::Completes,
            62..72 => Self::Repeats,
            72..75 => Self::Beats,
            75..84 => Self::Fails,
            84..86 => Self::GivesUp,
            86..91 => Self::GivenBack(chance.one_in(2)),
            91..96 => {
                let then = [
                    What::Complete,
                    What::Complete,
                    What::Fail,
                    What::GiveBack,
                    What::Start,
                    What::Beat,
                ];
                Self::Stalls(*chance.of(&then))
            }
            _ => Self::Dies(chance.one_in(2)),
        }
    }
}

/// A leased message in the hands of a worker.
pub(super) struct Turn {
    pub(super) site: Arc<Site>,
    pub(super) recorder: Recorder,
    pub(super) chance: Chance,
    pub(super) control: Arc<dyn ControlPlane>,
    pub(super) worker_id: WorkerId,
    pub(super) name: Lease,
    pub(super) lease: domain::Lease,
    pub(super) lease_for: Duration,
    /// Of the worker.
    pub(super) death: CancellationToken,
}

/// The lease is gone, and the turn with it.
struct Lost;

impl Turn {
    /// Until it is settled, lost, or its worker dead.
    pub(super) async fn run(mut self, fate: Fate) {
        // Whatever comes of it is in the history.
        self.go(fate).await.ok();
    }

    async fn go(&mut self, fate: Fate) -> Result<(), Lost> {
        match fate {
            Fate::GivenBack(false) => return self.ask(What::GiveBack, false).await,
            Fate::Dies(false) => return self.die().await,
            _ => self.ask(What::Start, false).await?,
        }
        match fate {
            Fate::Completes => self.ask(What::Complete, false).await,
            Fate::Repeats => {
                self.ask(What::Complete, false).await?;
                self.ask(What::Complete, false).await
            }
            Fate::Beats => {
                for _ in 0..4 {
                    tokio::time::sleep(self.site.lease / 3).await;
                    self.ask(What::Beat, false).await?;
                }
                self.ask(What::Complete, false).await
            }
            Fate::Fails => self.ask(What::Fail, false).await,
            Fate::GivesUp => self.ask(What::Fail, true).await,
            Fate::GivenBack(_) => self.ask(What::GiveBack, false).await,
            Fate::Stalls(then) => {
                self.recorder.trouble(Trouble::WorkerStalled);
                let over = Duration::from_millis(self.chance.below(700));
                tokio::time::sleep(self.lease_for + over).await;
                self.ask(then, false).await
            }
            Fate::Dies(_) => self.die().await,
        }
    }

    async fn die(&self) -> Result<(), Lost> {
        self.recorder.trouble(Trouble::WorkerDied);
        self.death.cancel();
        // Others of its worker may be at it; none goes on.
        std::future::pending().await
    }

    /// Ask until it is answered, each try noted.
    async fn ask(&mut self, what: What, for_good: bool) -> Result<(), Lost> {
        if self.chance.one_in(8) {
            let token = self.lease.token.reveal();
            self.site.lose_answer(token, &mut self.chance);
        }
        loop {
            let asked = self.recorder.asking(&self.name, what);
            match self.once(what, for_good).await {
                Ok(answer) => {
                    self.recorder.answered(asked, answer);
                    return if answer == Answer::Lost {
                        Err(Lost)
                    } else {
                        Ok(())
                    };
                }
                Err(ControlError::LeaseLost) => {
                    self.recorder.answered(asked, Answer::Lost);
                    return Err(Lost);
                }
                Err(ControlError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
                Err(ControlError::Refused(reason)) => {
                    panic!("{what:?} under {} was refused: {reason}", self.name)
                }
            }
        }
    }

    async fn once(&self, what: What, for_good: bool) -> Result<Answer, ControlError> {
        let lease = &self.lease;
        match what {
            What::Start => {
                let bundle = self.control.hydrate(lease).await?;
                Ok(Answer::Started(bundle.attempt))
            }
            What::Beat => {
                let held = [HeldLease {
                    lease: lease.clone(),
                    started: true,
                }];
                let beating = self.control.heartbeat(&self.worker_id, &lease.pool, &held);
                match beating.await?.beats[..] {
                    [Beat::Extended(by)] => Ok(Answer::Extended(by)),
                    [Beat::Lost] => Ok(Answer::Lost),
                    ref other => panic!("one lease was answered {other:?}"),
                }
            }
            What::Complete => {
                self.control.complete(lease, Completion::default()).await?;
                Ok(Answer::Completed)
            }
            What::Fail => match self.control.fail(lease, failure(for_good)).await? {
                Settled::Requeued(_) => Ok(Answer::Requeued),
                Settled::DeadLettered => Ok(Answer::DeadLettered),
                other => panic!("a failure became {other:?}"),
            },
            What::GiveBack => {
                self.control.give_back(lease, Vec::new()).await?;
                Ok(Answer::GivenBack)
            }
        }
    }
}

fn failure(for_good: bool) -> Failure {
    let (reason, receipts) = ("it was to fail".to_owned(), Vec::new());
    if for_good {
        Failure::Permanent { reason, receipts }
    } else {
        Failure::Retry {
            reason,
            after: None,
            receipts,
        }
    }
}
