//! What the model knows: small enough to be right by reading it.

use super::step::{Key, agent_of, keys};
use agent_factory::domain::{Lease, MessageId, Timestamp};
use agent_factory::queue::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By this lease.
    Done(usize),
    Cancelled,
    Dead(Timestamp),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) place: (Timestamp, u64),
    pub(super) not_before: Option<Timestamp>,
    pub(super) attempts: u32,
    pub(super) crashes: u32,
    pub(super) end: Option<End>,
}

#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub(super) lease: usize,
    pub(super) message: usize,
    pub(super) worker: u32,
    pub(super) started: bool,
    pub(super) cancelling: bool,
    pub(super) until: Timestamp,
    pub(super) deadline: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) messages: Vec<Message>,
    pub(super) next_seq: u64,
    pub(super) last_place: Option<Timestamp>,
    pub(super) paused: bool,
    pub(super) in_flight: Option<InFlight>,
}

impl Conversation {
    /// The pending message of the lowest place.
    pub(super) fn head(&self) -> Option<usize> {
        let pending = self.messages.iter().enumerate();
        let pending = pending.filter(|(_, message)| message.end.is_none());
        pending
            .min_by_key(|(_, message)| message.place)
            .map(|(at, _)| at)
    }

    /// The `number`-th newest message.
    pub(super) fn newest(&self, number: usize) -> Option<usize> {
        self.messages.len().checked_sub(number + 1)
    }

    fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    pub(super) fn arrive(
        &mut self,
        id: MessageId,
        scheduled_for: Option<Timestamp>,
        now: Timestamp,
    ) {
        let last = self.last_place.unwrap_or(Timestamp::from_millis(0));
        let not_before = scheduled_for.filter(|moment| *moment > now);
        let at = if let Some(moment) = not_before {
            moment.max(last.plus(Duration::from_millis(1)))
        } else {
            self.last_place = Some(now.max(last));
            now.max(last)
        };
        let place = (at, self.take_seq());
        self.messages.push(Message {
            id,
            place,
            not_before,
            attempts: 0,
            crashes: 0,
            end: None,
        });
    }

    /// A dead letter goes behind everything that is due.
    pub(super) fn replay(&mut self, at: usize, now: Timestamp) {
        let place = now.max(self.last_place.unwrap_or(Timestamp::from_millis(0)));
        self.last_place = Some(place);
        let place = (place, self.take_seq());
        let message = &mut self.messages[at];
        assert!(matches!(message.end, Some(End::Dead(_))));
        (message.place, message.not_before) = (place, None);
        (message.attempts, message.end) = (0, None);
    }

    /// What the end of a lease does to its message.
    fn expire(&mut self, flight: &InFlight, policy: &Policy, now: Timestamp) {
        let message = &mut self.messages[flight.message];
        if flight.cancelling {
            message.end = Some(End::Cancelled);
        } else if flight.started {
            message.attempts += 1;
            message.crashes += 1;
            if message.attempts >= policy.max_attempts || message.crashes >= policy.max_crashes {
                message.end = Some(End::Dead(now));
            } else {
                message.not_before = Some(now.plus(policy.retry.delay(message.attempts, 0)));
            }
        }
    }
}

pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) conversations: BTreeMap<Key, Conversation>,
    /// Tenant and agent.
    pub(super) held: BTreeSet<(&'static str, &'static str)>,
    pub(super) paused: BTreeSet<&'static str>,
    pub(super) limits: BTreeMap<&'static str, u32>,
    pub(super) leases: Vec<(Key, Lease)>,
    /// The life of the worker that claims, whether it has been heard of, and whether it is told to end.
    pub(super) worker: u32,
    pub(super) known: bool,
    pub(super) draining: bool,
    /// Conversations that the queue may take for ready since they once were: a claim finds out that they are not.
    pub(super) once_ready: BTreeSet<Key>,
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            conversations: keys().map(|key| (key, Conversation::default())).collect(),
            held: BTreeSet::new(),
            paused: BTreeSet::new(),
            limits: BTreeMap::new(),
            leases: Vec::new(),
            worker: 0,
            known: false,
            draining: false,
            once_ready: BTreeSet::new(),
        }
    }

    pub(super) fn conversation(&mut self, key: Key) -> &mut Conversation {
        self.conversations.get_mut(&key).unwrap()
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        let all = self.conversations.values();
        all.flat_map(|conversation| &conversation.messages)
    }

    /// The `number`-th newest lease of all ever given, and whether it is alive.
    pub(super) fn lease(&self, number: usize) -> Option<(usize, Key, Lease, bool)> {
        let number = self.leases.len().checked_sub(number + 1)?;
        let (key, lease) = self.leases[number].clone();
        let in_flight = self.conversations[&key].in_flight.as_ref();
        let alive =
            in_flight.is_some_and(|flight| flight.lease == number && flight.until > self.now);
        Some((number, key, lease, alive))
    }

    pub(super) fn sweep(&mut self, policy: &Policy) {
        let now = self.now;
        for conversation in self.conversations.values_mut() {
            let ended = conversation.in_flight.take_if(|flight| flight.until <= now);
            if let Some(flight) = ended {
                conversation.expire(&flight, policy, now);
            }
        }
    }

    fn waits_for_a_person(&self, (tenant, id): Key) -> bool {
        self.paused.contains(tenant)
            || self.held.contains(&(tenant, agent_of(id)))
            || self.conversations[&(tenant, id)].paused
    }

    /// Conversations whose head can be claimed now, and whether it is a suspect.
    pub(super) fn claimable(&self) -> BTreeMap<Key, bool> {
        let free = self.conversations.iter().filter(|(key, conversation)| {
            conversation.in_flight.is_none() && !self.waits_for_a_person(**key)
        });
        free.filter_map(|(key, conversation)| {
            let head = &conversation.messages[conversation.head()?];
            let due = head.not_before.is_none_or(|moment| moment <= self.now);
            due.then_some((*key, head.crashes > 0))
        })
        .collect()
    }

    /// How many more messages of the tenant workers may have.
    pub(super) fn room(&self, tenant: &str, policy: &Policy) -> usize {
        let limit = self.limits.get(tenant).copied();
        let limit = usize::try_from(limit.unwrap_or(policy.tenant_in_flight)).unwrap();
        let of = self.conversations.iter().filter(|(key, _)| key.0 == tenant);
        let taken = of.filter(|(_, conversation)| conversation.in_flight.is_some());
        limit.saturating_sub(taken.count())
    }

    /// Of the tenant's dead letters the oldest, in the order in which they are put back.
    pub(super) fn oldest_dead(&self, tenant: &str, limit: u32) -> Vec<(Key, usize)> {
        let mut dead = Vec::new();
        for (key, conversation) in &self.conversations {
            for (at, message) in conversation.messages.iter().enumerate() {
                if let Some(End::Dead(since)) = message.end
                    && key.0 == tenant
                {
                    dead.push((since, *key, message.place, at));
                }
            }
        }
        dead.sort();
        dead.truncate(usize::try_from(limit).unwrap());
        dead.sort_by_key(|(_, key, place, _)| (*key, *place));
        dead.into_iter().map(|(_, key, _, at)| (key, at)).collect()
    }
}
