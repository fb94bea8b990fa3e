//! Clocks and random bytes that a test chooses, and a recorder that remembers.

use agent_factory::engine::{Recorder, Told, TurnClock, TurnRandom};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Starts at a moment, and goes on by a millisecond with each look at it.
pub(crate) struct FixedClock {
    start: Duration,
    looks: AtomicU64,
}

impl FixedClock {
    pub(crate) fn at(start: Duration) -> Self {
        Self {
            start,
            looks: AtomicU64::new(0),
        }
    }

    fn look(&self) -> Duration {
        Duration::from_millis(self.looks.fetch_add(1, Ordering::SeqCst))
    }
}

impl TurnClock for FixedClock {
    fn wall(&self) -> Duration {
        self.start + self.look()
    }

    fn monotonic(&self) -> Duration {
        self.look()
    }
}

/// Bytes that count up.
#[derive(Default)]
pub(crate) struct SeededRandom(Mutex<u8>);

impl TurnRandom for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut next = self.0.lock().unwrap();
        for byte in bytes {
            *next = next.wrapping_add(1);
            *byte = *next;
        }
    }
}

/// Is told, and forgets.
pub(crate) struct Nobody;

impl Recorder for Nobody {
    fn told(&self, _: Told) {}
}

/// Remembers all it is told, in order.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<Told>>);

impl Memory {
    pub(crate) fn all(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }
}

impl Recorder for Memory {
    fn told(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }
}
