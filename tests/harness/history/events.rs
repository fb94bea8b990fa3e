//! What a run's producers and workers saw, and nothing else: the checker knows no more than a client can.

use std::collections::BTreeMap;
use std::time::Duration;

/// Since the run began, by the monotonic clock of the test's process.
pub type Moment = Duration;

/// Everything that was asked and answered in a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// Every try to have a message accepted.
    pub enqueues: Vec<Enqueue>,
    /// Every lease in every claim's answer.
    pub claims: Vec<Claim>,
    /// Every request under a lease.
    pub uses: Vec<Use>,
    /// What the control plane said of each message in the end.
    pub ends: Vec<End>,
    /// The messages whose turns each conversation's history holds, oldest first.
    pub told: BTreeMap<String, Vec<String>>,
    /// How often what stood in everybody's way. No promise is read from it; it shows what the promises were kept against.
    pub trouble: BTreeMap<Trouble, usize>,
}

/// What can stand in the way of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A control plane was killed.
    PlaneKilled,
    /// A control plane stood still for longer than a lease, and went on.
    PlaneFrozen,
    /// The database cut every connection, and started again.
    DatabaseRestarted,
    /// An answer was lost on its way, all of it or its end.
    AnswerLost,
    /// A worker died with what it held.
    WorkerDied,
    /// A worker stood still until a lease of its own was over, and went on.
    WorkerStalled,
}

/// A message was asked to be accepted.
#[derive(Clone, Debug)]
pub struct Enqueue {
    /// With its tenant's name: `ada/room`.
    pub conversation: String,
    /// The same for every try of one message, with its tenant's name too.
    pub external_id: String,
    /// Before the request.
    pub asked: Moment,
    /// After the answer, with the id it named; none where no answer came: the message may have been accepted then, or
    /// later, or not.
    pub answer: Option<(Moment, String)>,
}

/// Which lease: no two of a conversation have the same fence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// As of [`Enqueue::conversation`].
    pub conversation: String,
    /// Grows with every lease of the conversation.
    pub fence: u64,
    /// What was leased.
    pub message: String,
}

/// A lease was given.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which.
    pub lease: Lease,
    /// To whom.
    pub worker: String,
    /// Before the first try of the claim, which may be the one that took the lease.
    pub first_asked: Moment,
    /// Before the try that was answered.
    pub asked: Moment,
    /// After that.
    pub answered: Moment,
    /// How long the lease lasts from the answer on, as the control plane said.
    pub lease_for: Duration,
}

/// Something was asked under a lease.
#[derive(Clone, Debug)]
pub struct Use {
    /// Under which.
    pub lease: Lease,
    /// What.
    pub what: What,
    /// Before the request.
    pub asked: Moment,
    /// After the answer; none where none came: it may have taken effect at any time since, or not.
    pub answer: Option<(Moment, Answer)>,
}

/// What can be asked under a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What the turn needs; marks the message as started.
    Start,
    /// To have it longer.
    Beat,
    /// To settle the message: the turn ended well.
    Complete,
    /// To have it run again, or never: the turn did not end well.
    Fail,
    /// To put it back as if it had not been claimed.
    GiveBack,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has started; this is the turn's number, 1 for the first.
    Started(u32),
    /// The lease lasts so long from the answer on.
    Extended(Duration),
    /// The message is done.
    Completed,
    /// It runs again.
    Requeued,
    /// It is given up.
    DeadLettered,
    /// It is back in its place.
    GivenBack,
    /// The lease is gone. Where the client has asked twice, as it does when a control plane does not answer, the first
    /// may have taken effect all the same.
    Lost,
}

impl Answer {
    /// Whether the message left the worker's hands by this.
    #[must_use]
    pub const fn settles(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Requeued | Self::DeadLettered | Self::GivenBack
        )
    }

    /// Whether the message is settled for good by this.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Self::Completed | Self::DeadLettered)
    }
}

/// What was said of a message in the end.
#[derive(Clone, Debug)]
pub struct End {
    /// Which.
    pub message: String,
    /// Where it is.
    pub state: State,
}

/// Where a message is in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A turn of it was completed.
    Done,
    /// It was given up.
    DeadLetter,
    /// It still waits or runs.
    Open,
}
