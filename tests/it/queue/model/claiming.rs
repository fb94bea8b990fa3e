//! Claims: who is given what.

use super::playing::Model;
use super::state::InFlight;
use super::step::Key;
use crate::queue::driver::request;
use agent_factory::queue::Claimed;
use std::collections::BTreeMap;

/// A claim that comes upon conversations which are not ready after all gives up after a few rounds; whoever waits claims
/// again at once. So often, until all of them have been met.
const SHORT: usize = 4;

impl Model {
    /// By what name the worker of now goes.
    pub(super) fn worker(&self) -> String {
        format!("worker{}", self.state.worker)
    }

    pub(super) async fn claim(&mut self, max: u32, in_flight: u32) {
        for _ in 0..SHORT {
            if self.claim_once(max, in_flight).await {
                return;
            }
        }
        panic!("what is due is not given");
    }

    /// One claim; answers whether it gave all that it might.
    async fn claim_once(&mut self, max: u32, in_flight: u32) -> bool {
        let policy = self.queue.policy.clone();
        self.state.sweep(&policy);
        let claimable = self.state.claimable();
        let runs_suspect = self.state.conversations.values().any(|conversation| {
            let flight = conversation.in_flight.as_ref();
            let flight = flight.filter(|flight| flight.worker == self.state.worker);
            flight.is_some_and(|flight| conversation.messages[flight.message].crashes > 0)
        });
        let asked = request(&self.worker(), max, in_flight);
        let batch = self.queue.claim_as(asked).await;
        let claimed = batch.claimed;
        assert_eq!(batch.drain, self.state.draining);
        if batch.drain {
            assert!(claimed.is_empty(), "whoever is to end is given nothing");
            self.state.worker += 1;
            (self.state.draining, self.state.known) = (false, false);
            self.seen.drained += 1;
            return true;
        }
        self.state.known = true;
        let (others, suspects, bounded) = self.within_bounds(&claimable);
        let most = usize::try_from(max).unwrap();
        if claimed.iter().any(|message| message.suspect) {
            let alone = (claimed.len(), in_flight) == (1, 0);
            assert!(alone, "a suspect is given alone: {claimed:?}");
        } else if in_flight > 0 && runs_suspect {
            assert_eq!(claimed.len(), 0, "nothing is given beside a suspect");
        } else {
            let due = others.min(most);
            let stale = self.state.once_ready.iter();
            let stale = stale.filter(|key| !claimable.contains_key(*key)).count();
            assert!(claimed.len() <= due, "{claimed:?} of {claimable:?}");
            let nothing_for_nothing = claimed.is_empty() && in_flight == 0 && suspects > 0;
            if claimed.len() < due || nothing_for_nothing {
                assert!(stale > 0, "what is due is given: {claimable:?}");
                claimed
                    .iter()
                    .for_each(|message| self.take(message, &claimable));
                return false;
            }
            self.seen.bounded += usize::from(bounded);
        }
        claimed
            .iter()
            .for_each(|message| self.take(message, &claimable));
        true
    }

    /// How many of these may be given, suspects and others apart, and whether a tenant's bound makes them fewer.
    fn within_bounds(&self, claimable: &BTreeMap<Key, bool>) -> (usize, usize, bool) {
        let mut of: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for ((tenant, _), suspect) in claimable {
            of.entry(tenant).or_default()[usize::from(*suspect)] += 1;
        }
        let (mut others, mut suspects, mut bounded) = (0, 0, false);
        for (tenant, [other, suspect]) in of {
            let room = self.state.room(tenant, &self.queue.policy);
            others += other.min(room);
            suspects += suspect.min(room);
            bounded |= room < other;
        }
        (others, suspects, bounded)
    }

    fn take(&mut self, claimed: &Claimed, claimable: &BTreeMap<Key, bool>) {
        let lease = &claimed.lease;
        let named = (lease.tenant_id.as_str(), lease.conversation_id.as_str());
        let key = claimable.keys().find(|key| **key == named);
        let key = *key.unwrap_or_else(|| panic!("not to be claimed: {claimed:?}"));
        assert_eq!(claimed.suspect, claimable[&key]);
        let policy = &self.queue.policy;
        assert!(self.state.room(key.0, policy) > 0, "its tenant has enough");
        let (now, number, worker) = (self.state.now, self.state.leases.len(), self.state.worker);
        let (until, deadline) = (now.plus(policy.lease), now.plus(policy.lease_total));
        let conversation = self.state.conversation(key);
        let head = conversation.head().unwrap();
        let message = &conversation.messages[head];
        assert_eq!(message.id, lease.message_id, "the head is what is given");
        assert_eq!(claimed.attempt, message.attempts + 1);
        let in_flight = conversation.in_flight.is_some();
        assert!(!in_flight, "one in flight in a conversation");
        conversation.last_place = conversation.last_place.max(Some(message.place.0));
        conversation.in_flight = Some(InFlight {
            lease: number,
            message: head,
            worker,
            started: false,
            cancelling: false,
            until,
            deadline,
        });
        self.state.once_ready.remove(&key);
        self.state.leases.push((key, lease.clone()));
    }
}
