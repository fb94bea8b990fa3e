use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What kind of change somebody may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A conversation may have become claimable.
    Queue,
    /// A reply may have become deliverable.
    Outbox,
    /// A message was settled or a reply delivered: for those who wait for an answer.
    Settled,
    /// Somebody gave the lead of the singleton loops up.
    Leadership,
}

const TOPICS: usize = 4;

impl Topic {
    /// All of them.
    pub(super) const ALL: [Self; TOPICS] =
        [Self::Queue, Self::Outbox, Self::Settled, Self::Leadership];

    /// As it is called where processes tell each other.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Outbox => "outbox",
            Self::Settled => "settled",
            Self::Leadership => "leadership",
        }
    }
}

/// Counters of committed changes, a topic each.
#[derive(Clone, Debug)]
pub struct Signals(Arc<[watch::Sender<u64>; TOPICS]>);

impl Default for Signals {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| watch::Sender::new(0))))
    }
}

impl Signals {
    fn sender(&self, topic: Topic) -> &watch::Sender<u64> {
        let [queue, outbox, settled, leadership] = &*self.0;
        match topic {
            Topic::Queue => queue,
            Topic::Outbox => outbox,
            Topic::Settled => settled,
            Topic::Leadership => leadership,
        }
    }

    /// Tell those who wait for `topic` to look again.
    pub fn raise(&self, topic: Topic) {
        self.sender(topic)
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// From now on, hear of `topic`.
    #[must_use]
    pub fn listen(&self, topic: Topic) -> Listener {
        Listener(self.sender(topic).subscribe())
    }
}

/// Hears of changes since it was made, or since it last heard; begins to listen before it looks, and so misses
/// nothing between looking and waiting.
#[derive(Clone, Debug)]
pub struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Wait for a change, at most `longest`.
    pub async fn changed(&mut self, longest: Duration) {
        // A timeout and a closed channel mean the same to the caller: look again.
        tokio::time::timeout(longest, self.0.changed()).await.ok();
    }
}
