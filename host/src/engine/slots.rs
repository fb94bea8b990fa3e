//! Slots for calls, given out fairly: before a call there is a slot, and for every slot there is room in the pool, so that
//! the pool is never asked for more than it has.
//!
//! Whoever waits does so in line: first come, first served among those of one share (a tenant's), and one share after the
//! other among all, so that a share with a thousand waiting costs the next one a single turn. A share holds at most so many at
//! once, so that what is left is free for others whatever it does.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Slots of one kind, shared by those of `S`. Cheap to clone.
#[derive(Debug)]
pub(super) struct Slots<S: Eq + Hash + Clone>(Arc<Mutex<State<S>>>);

#[derive(Debug)]
struct State<S: Eq + Hash + Clone> {
    free: u32,
    /// The most of one share.
    most: u32,
    held: HashMap<S, u32>,
    waiting: HashMap<S, VecDeque<oneshot::Sender<Slot<S>>>>,
    /// Shares with somebody waiting, next first.
    turns: VecDeque<S>,
}

/// A slot; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot<S: Eq + Hash + Clone> {
    slots: Slots<S>,
    share: S,
    /// Whether dropping it gives it back; not where it never reached anybody.
    live: bool,
}

/// How many slots are held, and how many wait for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) held: u32,
    pub(super) waiting: u32,
}

impl<S: Eq + Hash + Clone> Clone for Slots<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Eq + Hash + Clone> Slots<S> {
    /// So many in all, and so many of one share at most.
    pub(super) fn new(all: u32, most: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: all,
            most: most.min(all).max(1),
            held: HashMap::new(),
            waiting: HashMap::new(),
            turns: VecDeque::new(),
        })))
    }

    /// A slot; waits for one, without limit. Dropped, it waits no more.
    pub(super) async fn get(&self, share: &S) -> Slot<S> {
        loop {
            let waiting = {
                let mut state = self.lock();
                // Whoever waits could not be served: what is free is not for them.
                if state.waiting.get(share).is_none_or(VecDeque::is_empty) && state.may_have(share)
                {
                    return state.give(self, share);
                }
                state.line_up(share)
            };
            // The other end is dropped with its slots only, which `self` keeps.
            if let Ok(slot) = waiting.await {
                return slot;
            }
        }
    }

    /// How many are held, and how many wait.
    pub(super) fn taken(&self) -> Taken {
        let state = self.lock();
        let waiting = state.waiting.values().flatten();
        let waiting = waiting.filter(|waiting| !waiting.is_closed()).count();
        Taken {
            held: state.held.values().sum(),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        }
    }

    fn give_back(&self, share: &S) {
        let mut state = self.lock();
        state.free = state.free.saturating_add(1);
        if let Some(held) = state.held.get_mut(share) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                state.held.remove(share);
            }
        }
        state.serve(self);
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Eq + Hash + Clone> State<S> {
    fn may_have(&self, share: &S) -> bool {
        self.free > 0 && self.held.get(share).is_none_or(|held| *held < self.most)
    }

    fn give(&mut self, slots: &Slots<S>, share: &S) -> Slot<S> {
        self.free = self.free.saturating_sub(1);
        let held = self.held.entry(share.clone()).or_default();
        *held = held.saturating_add(1);
        Slot {
            slots: slots.clone(),
            share: share.clone(),
            live: true,
        }
    }

    /// Undo [`State::give`], for a slot that reached nobody.
    fn take_back(&mut self, mut slot: Slot<S>) {
        slot.live = false;
        self.free = self.free.saturating_add(1);
        if let Some(held) = self.held.get_mut(&slot.share) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&slot.share);
            }
        }
    }

    fn line_up(&mut self, share: &S) -> oneshot::Receiver<Slot<S>> {
        let (served, waiting) = oneshot::channel();
        let line = self.waiting.entry(share.clone()).or_default();
        // Those who gave up are no line: a share that keeps giving up must not grow.
        line.retain(|waiting| !waiting.is_closed());
        line.push_back(served);
        if !self.turns.contains(share) {
            self.turns.push_back(share.clone());
        }
        waiting
    }

    /// Give what is free to those who wait and may have it, a share after the other.
    fn serve(&mut self, slots: &Slots<S>) {
        let mut passed = 0;
        while self.free > 0 && passed < self.turns.len() {
            let Some(share) = self.turns.pop_front() else {
                return;
            };
            if !self.may_have(&share) {
                self.turns.push_back(share);
                passed += 1;
                continue;
            }
            let next = self.waiting.get_mut(&share).and_then(VecDeque::pop_front);
            let Some(next) = next else {
                self.waiting.remove(&share);
                continue;
            };
            let slot = self.give(slots, &share);
            if let Err(slot) = next.send(slot) {
                // It gave up meanwhile, and its turn is the next one's of its share.
                self.take_back(slot);
                self.turns.push_front(share);
                continue;
            }
            passed = 0;
            self.turns.push_back(share);
        }
    }
}

impl<S: Eq + Hash + Clone> Drop for Slot<S> {
    fn drop(&mut self) {
        if self.live {
            self.slots.give_back(&self.share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Getting<'a> = Pin<Box<dyn Future<Output = Slot<char>> + 'a>>;

    /// Ask, and look once.
    fn ask<'a>(slots: &'a Slots<char>, share: &'static char) -> Result<Slot<char>, Getting<'a>> {
        let mut getting: Getting<'a> = Box::pin(slots.get(share));
        look(&mut getting).ok_or(getting)
    }

    fn look(getting: &mut Getting<'_>) -> Option<Slot<char>> {
        match getting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(slot) => Some(slot),
            Poll::Pending => None,
        }
    }

    fn taken(slots: &Slots<char>) -> (u32, u32) {
        let Taken { held, waiting } = slots.taken();
        (held, waiting)
    }

    #[test]
    fn a_share_has_its_most_and_leaves_the_rest_to_others() {
        let slots = Slots::new(3, 2);
        let first = ask(&slots, &'a').ok().unwrap();
        let _second = ask(&slots, &'a').ok().unwrap();
        let mut third = ask(&slots, &'a').err().unwrap();
        let _other = ask(&slots, &'b').ok().unwrap();
        assert_eq!(taken(&slots), (3, 1));
        drop(first);
        assert!(look(&mut third).is_some());
    }

    #[test]
    fn shares_take_turns_and_each_is_served_in_its_order() {
        let slots = Slots::new(1, 1);
        let mut held = ask(&slots, &'a').ok().unwrap();
        let mut waiting: Vec<(usize, Getting<'_>)> = Vec::new();
        for (number, share) in ['a', 'a', 'a', 'b', 'c', 'b'].iter().enumerate() {
            waiting.push((number, ask(&slots, share).err().unwrap()));
        }
        let mut served = Vec::new();
        while !waiting.is_empty() {
            drop(held);
            let (place, slot) = waiting
                .iter_mut()
                .enumerate()
                .find_map(|(place, (_, getting))| Some((place, look(getting)?)))
                .expect("one is served");
            served.push(waiting.remove(place).0);
            held = slot;
        }
        assert_eq!(served, [0, 3, 4, 1, 5, 2]);
        drop(held);
        assert_eq!(taken(&slots), (0, 0));
    }

    #[test]
    fn whoever_gives_up_takes_nothing_with_it() {
        let slots = Slots::new(1, 1);
        let held = ask(&slots, &'a').ok().unwrap();
        let gone = ask(&slots, &'b').err().unwrap();
        let mut next = ask(&slots, &'b').err().unwrap();
        drop(gone);
        drop(held);
        let slot = look(&mut next).expect("the next in line is served");
        // Served, and given up before it looked.
        let unseen = ask(&slots, &'a').err().unwrap();
        drop(slot);
        drop(unseen);
        assert_eq!(taken(&slots), (0, 0));
        assert!(ask(&slots, &'c').is_ok());
    }
}
