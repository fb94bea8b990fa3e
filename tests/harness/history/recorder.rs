//! Keeps a run's [`History`] while it happens.

use super::events::{Answer, Claim, End, Enqueue, History, Lease, Moment, Trouble, Use, What};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Where everybody in a run notes what they ask and are answered. Cheap to clone.
///
/// What is asked is noted before it is asked: who dies on the way leaves a request without an answer.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    began: Instant,
    history: Mutex<History>,
    /// Messages that were settled for good, by the answers that came.
    settled: watch::Sender<usize>,
    turns: AtomicUsize,
}

/// A request that was noted.
#[derive(Clone, Copy, Debug)]
pub struct Asked(usize);

impl Recorder {
    /// Of a run whose leases last so long.
    #[must_use]
    pub fn new(lease: Duration) -> Self {
        let history = History {
            lease,
            ..History::default()
        };
        Self(Arc::new(Inner {
            began: Instant::now(),
            history: Mutex::new(history),
            settled: watch::Sender::new(0),
            turns: AtomicUsize::new(0),
        }))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.began.elapsed()
    }

    /// A message is about to be sent.
    pub fn enqueuing(&self, conversation: &str, external_id: &str) -> Asked {
        let enqueue = Enqueue {
            conversation: conversation.to_owned(),
            external_id: external_id.to_owned(),
            asked: self.now(),
            answer: None,
        };
        self.noted(|history| {
            history.enqueues.push(enqueue);
            Asked(history.enqueues.len() - 1)
        })
    }

    /// It was accepted.
    pub fn accepted(&self, asked: Asked, message: &str) {
        let answer = (self.now(), message.to_owned());
        self.noted(|history| history.enqueues[asked.0].answer = Some(answer));
    }

    /// A lease was given.
    pub fn claimed(&self, claim: Claim) {
        self.noted(|history| history.claims.push(claim));
    }

    /// Something is about to be asked under a lease.
    pub fn asking(&self, lease: &Lease, what: What) -> Asked {
        let asking = Use {
            lease: lease.clone(),
            what,
            asked: self.now(),
            answer: None,
        };
        self.noted(|history| {
            history.uses.push(asking);
            Asked(history.uses.len() - 1)
        })
    }

    /// It was answered.
    pub fn answered(&self, asked: Asked, answer: Answer) {
        let answered = (self.now(), answer);
        self.noted(|history| history.uses[asked.0].answer = Some(answered));
        if answer.ends() {
            self.0.settled.send_modify(|settled| *settled += 1);
        }
    }

    /// What the control plane says of a message in the end.
    pub fn ended(&self, end: End) {
        self.noted(|history| history.ends.push(end));
    }

    /// What a conversation's history holds in the end.
    pub fn told(&self, conversation: &str, messages: Vec<String>) {
        self.noted(|history| history.told.insert(conversation.to_owned(), messages));
    }

    /// Something stood in the way.
    pub fn trouble(&self, trouble: Trouble) {
        self.troubles(trouble, 1);
    }

    /// So often.
    pub fn troubles(&self, trouble: Trouble, times: usize) {
        self.noted(|history| *history.trouble.entry(trouble).or_default() += times);
    }

    /// Number the turns of all workers, from 0.
    #[must_use]
    pub fn next_turn(&self) -> usize {
        self.0.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Wait until so many messages are settled for good.
    pub async fn await_settled(&self, count: usize) {
        let mut settled = self.0.settled.subscribe();
        let reached = settled.wait_for(|settled| *settled >= count);
        reached.await.expect("a recorder");
    }

    /// What there is so far.
    #[must_use]
    pub fn history(&self) -> History {
        self.noted(|history| history.clone())
    }

    fn noted<T>(&self, note: impl FnOnce(&mut History) -> T) -> T {
        note(&mut self.0.history.lock().expect("no panic"))
    }
}
