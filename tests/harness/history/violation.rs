//! What a history can do wrong.

use super::events::{Answer, Lease, Moment, State, What};
use std::fmt;

/// A promise of the queue that a history breaks, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// One message was acknowledged as two.
    #[error("{external_id} was acknowledged as {first} and as {second}")]
    AcknowledgedTwice {
        /// Under which the producer sent it.
        external_id: String,
        /// One id.
        first: String,
        /// The other.
        second: String,
    },
    /// A message was leased that nobody sent, or in another conversation than it was sent to.
    #[error("{0} was leased, and nobody sent it there")]
    Unsent(Lease),
    /// Two leases have one fence.
    #[error("{first} has the fence of {second}")]
    FenceTwice {
        /// One.
        first: Lease,
        /// The other.
        second: Lease,
    },
    /// One lease was given to two workers.
    #[error("{lease} was given to {first} and to {second}")]
    GivenTwice {
        /// Which.
        lease: Lease,
        /// One worker.
        first: String,
        /// The other.
        second: String,
    },
    /// A later lease has a lower fence.
    #[error("{later} was given after {earlier}")]
    FenceFell {
        /// The one with the higher fence.
        earlier: Lease,
        /// The one with the lower.
        later: Lease,
    },
    /// Two leases of a conversation lived at once.
    #[error("{second} was given while {first} lived")]
    TwoLive {
        /// The one that lived.
        first: Lease,
        /// The one that was given meanwhile.
        second: Lease,
    },
    /// A message was leased again although its lease had neither ended nor been given up.
    #[error("{second} repeats {first}, which lived")]
    Again {
        /// The one that lived.
        first: Lease,
        /// The one that was given meanwhile.
        second: Lease,
    },
    /// Something was accepted under a lease after the conversation had been leased anew.
    #[error("{what:?} was accepted under {lease} though {by} had been given")]
    Superseded {
        /// What.
        what: What,
        /// Under which.
        lease: Lease,
        /// The newer one.
        by: Lease,
    },
    /// Something was accepted under a lease that had ended.
    #[error("{what:?} was asked at {asked:?} under {lease}, dead since {dead:?}, and accepted")]
    Dead {
        /// What.
        what: What,
        /// Under which.
        lease: Lease,
        /// When it was asked.
        asked: Moment,
        /// Since when the lease was dead at the latest.
        dead: Moment,
    },
    /// A message was leased before one that had been acknowledged before it was sent.
    #[error("{overtaken} was leased again behind {first}, which was sent after it")]
    Overtaken {
        /// The later message's.
        first: Lease,
        /// The earlier message's.
        overtaken: Lease,
    },
    /// A message was settled by two leases, or twice by one.
    #[error("{message} was settled as {first:?} and as {second:?}")]
    SettledTwice {
        /// Which.
        message: String,
        /// One answer.
        first: Answer,
        /// The other.
        second: Answer,
    },
    /// A completion that was accepted was refused when it was repeated.
    #[error("{0} was completed, and its repeat was refused")]
    Forgotten(Lease),
    /// A message that was settled was leased again.
    #[error("{0} was given after its message had been settled")]
    AfterSettlement(Lease),
    /// A message was acknowledged, and is not settled in the end.
    #[error("{message} of {conversation} was acknowledged and is lost: {state:?}")]
    Unsettled {
        /// Which.
        message: String,
        /// Its conversation.
        conversation: String,
        /// Where it is; none where it is not there at all.
        state: Option<State>,
    },
    /// A message's end is not what its workers were told.
    #[error("{message} is {state:?} in the end, and its workers had {answers:?}")]
    Contradicted {
        /// Which.
        message: String,
        /// Its end.
        state: State,
        /// What they were answered.
        answers: Vec<(What, Option<Answer>)>,
    },
    /// A conversation's history does not hold each completed turn once, in order.
    #[error("the history of {conversation} has {told:?}, and these were done: {done:?}")]
    Told {
        /// Whose.
        conversation: String,
        /// The messages whose turns it holds.
        told: Vec<String>,
        /// The messages that are done, in the order of their leases.
        done: Vec<String>,
    },
    /// A turn's number counts what was no attempt, or misses one.
    #[error("{lease} was told attempt {attempt}, and {least} to {most} had been spent before")]
    Attempts {
        /// Which.
        lease: Lease,
        /// As it was told.
        attempt: u32,
        /// Attempts certainly spent before.
        least: u32,
        /// Attempts possibly spent before.
        most: u32,
    },
}

impl fmt::Display for Lease {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (conversation, fence) = (&self.conversation, self.fence);
        write!(out, "lease {fence} of {conversation} on {}", self.message)
    }
}
