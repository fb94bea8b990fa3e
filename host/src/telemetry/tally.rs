use super::names::{self, Name};

/// Something a transaction did, counted once it has committed and never where it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// A message was accepted.
    Enqueued,
    /// A message repeated one that is here.
    Repeated,
    /// So many messages were given to a worker.
    Claimed(u64),
    /// A turn ended, or so many did.
    Settled(Outcome, u64),
    /// So many heads fell due.
    Promoted(u64),
    /// So many leases of turns ended by themselves.
    Expired(u64),
    /// A reply was tried to deliver.
    Delivery(Delivery),
    /// So many rows were cleared away.
    Pruned(Pruned, u64),
}

/// What became of a message at the end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// To be tried again.
    Retried,
    /// Given up.
    DeadLettered,
    /// Waits with its agent for a person.
    Held,
    /// Put back by a worker that stops.
    GivenBack,
    /// Cancelled by whoever sent it.
    Cancelled,
}

/// What became of a try to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Delivered,
    /// To be tried again.
    Retried,
    /// Given up.
    Failed,
}

/// What maintenance clears away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// Workers unheard of.
    Workers,
    /// Snapshots superseded.
    Snapshots,
    /// Key-value calls of settled messages.
    KeyValueCalls,
    /// Finished messages.
    Messages,
    /// Artifacts that nobody refers to.
    Artifacts,
    /// Code for platforms of before.
    CompiledComponents,
    /// Receipts.
    Receipts,
}

type Words = &'static [(&'static str, &'static str)];

impl Tally {
    /// The figure it belongs to, its labels, and how much it adds.
    pub(super) const fn figure(self) -> (Name, Words, u64) {
        match self {
            Self::Enqueued => (names::ENQUEUED, &[("outcome", "new")], 1),
            Self::Repeated => (names::ENQUEUED, &[("outcome", "repeat")], 1),
            Self::Claimed(count) => (names::CLAIMED, &[], count),
            Self::Settled(outcome, count) => (names::SETTLED, outcome.words(), count),
            Self::Promoted(count) => (names::PROMOTED, &[], count),
            Self::Expired(count) => (names::EXPIRED, &[], count),
            Self::Delivery(delivery) => (names::DELIVERIES, delivery.words(), 1),
            Self::Pruned(kind, count) => (names::PRUNED, kind.words(), count),
        }
    }
}

impl Outcome {
    const fn words(self) -> Words {
        match self {
            Self::Done => &[("outcome", "done")],
            Self::Retried => &[("outcome", "retried")],
            Self::DeadLettered => &[("outcome", "dead_letter")],
            Self::Held => &[("outcome", "held")],
            Self::GivenBack => &[("outcome", "given_back")],
            Self::Cancelled => &[("outcome", "cancelled")],
        }
    }
}

impl Delivery {
    const fn words(self) -> Words {
        match self {
            Self::Delivered => &[("outcome", "delivered")],
            Self::Retried => &[("outcome", "retried")],
            Self::Failed => &[("outcome", "failed")],
        }
    }
}

impl Pruned {
    const fn words(self) -> Words {
        match self {
            Self::Workers => &[("kind", "workers")],
            Self::Snapshots => &[("kind", "snapshots")],
            Self::KeyValueCalls => &[("kind", "key_value_calls")],
            Self::Messages => &[("kind", "messages")],
            Self::Artifacts => &[("kind", "artifacts")],
            Self::CompiledComponents => &[("kind", "compiled_components")],
            Self::Receipts => &[("kind", "receipts")],
        }
    }
}
