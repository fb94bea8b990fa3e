//! What a worker has in flight.

use crate::control::HeldLease;
use crate::domain::Lease;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The leases of running turns, and how to stop each.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight(Arc<Mutex<Turns>>);

#[derive(Debug, Default)]
struct Turns {
    next: u64,
    running: HashMap<u64, Running>,
}

#[derive(Debug)]
struct Running {
    lease: Lease,
    started: bool,
    cancel: CancellationToken,
}

/// One running turn. Dropped, it is no longer in flight: nobody prolongs its lease any more.
#[derive(Debug)]
pub(super) struct Boarded {
    flight: Flight,
    number: u64,
    /// Cancelled when the lease is lost, or when the worker stops.
    pub(super) cancel: CancellationToken,
}

impl Flight {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Every critical section below leaves the map whole, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self, lease: Lease) -> Boarded {
        let cancel = CancellationToken::new();
        let mut turns = self.turns();
        let number = turns.next;
        turns.next += 1;
        turns.running.insert(
            number,
            Running {
                lease,
                started: false,
                cancel: cancel.clone(),
            },
        );
        Boarded {
            flight: self.clone(),
            number,
            cancel,
        }
    }

    /// The running turns, to be named in a heartbeat.
    pub(super) fn leases(&self) -> Vec<(u64, HeldLease)> {
        self.turns()
            .running
            .iter()
            .map(|(number, turn)| {
                let (lease, started) = (turn.lease.clone(), turn.started);
                (*number, HeldLease { lease, started })
            })
            .collect()
    }

    /// The turn runs.
    fn started(&self, number: u64) {
        if let Some(turn) = self.turns().running.get_mut(&number) {
            turn.started = true;
        }
    }

    /// Stop one turn.
    pub(super) fn cancel(&self, number: u64) {
        if let Some(turn) = self.turns().running.get(&number) {
            turn.cancel.cancel();
        }
    }

    /// Stop all turns.
    pub(super) fn cancel_all(&self) {
        for turn in self.turns().running.values() {
            turn.cancel.cancel();
        }
    }
}

impl Boarded {
    /// Its components are about to run: from now on heartbeats say so.
    pub(super) fn started(&self) {
        self.flight.started(self.number);
    }
}

impl Drop for Boarded {
    fn drop(&mut self) {
        self.flight.turns().running.remove(&self.number);
    }
}
