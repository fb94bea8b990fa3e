//! What people do to the queue.

use super::playing::Model;
use super::state::End;
use super::step::{Key, Step, agent_of};
use crate::queue::driver::worker;
use agent_factory::domain::{AgentKey, ConversationId, MessageId, TenantId};
use agent_factory::queue::{self, Cancelled};

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn named((of, id): Key) -> (TenantId, ConversationId, AgentKey) {
    let agent = agent_of(id).parse().unwrap();
    (tenant(of), id.parse().unwrap(), agent)
}

impl Model {
    pub(super) async fn as_a_person(&mut self, step: &Step) {
        match *step {
            Step::Cancel(key, number) => self.cancel(key, number).await,
            Step::Replay(key, number) => self.replay(key, number).await,
            Step::ReplayAll(tenant, limit) => self.replay_all(tenant, limit).await,
            Step::HoldAgent(key) => {
                let (of, _, agent) = named(key);
                let held = self.queue.write(move |tx| {
                    Box::pin(async move { queue::hold_agent(tx, &of, &agent, "why").await })
                });
                assert!(held.await);
                self.state.held.insert((key.0, agent_of(key.1)));
            }
            Step::ResumeAgent(key) => {
                let ((of, _, agent), policy) = (named(key), self.queue.policy.clone());
                let resumed = self.queue.write(move |tx| {
                    Box::pin(async move { queue::resume(tx, &policy, &of, &agent).await })
                });
                assert!(resumed.await);
                self.state.held.remove(&(key.0, agent_of(key.1)));
            }
            Step::PauseTenant(name) => {
                let paused = self.queue.write(move |tx| {
                    Box::pin(async move { queue::pause_tenant(tx, &tenant(name), "unpaid").await })
                });
                assert!(paused.await);
                self.state.paused.insert(name);
            }
            Step::ResumeTenant(name) => {
                let resumed = self.queue.write(move |tx| {
                    Box::pin(async move { queue::resume_tenant(tx, &tenant(name)).await })
                });
                assert!(resumed.await);
                self.state.paused.remove(name);
            }
            Step::PauseConversation(key) => {
                let (of, id, _) = named(key);
                let paused = self.queue.write(move |tx| {
                    Box::pin(async move { queue::pause_conversation(tx, &of, &id, "why").await })
                });
                assert_eq!(paused.await, self.exists(key));
                self.state.conversation(key).paused = self.exists(key);
            }
            Step::ResumeConversation(key) => {
                let (of, id, _) = named(key);
                let resumed = self.queue.write(move |tx| {
                    Box::pin(async move { queue::resume_conversation(tx, &of, &id).await })
                });
                assert_eq!(resumed.await, self.exists(key));
                self.state.conversation(key).paused = false;
            }
            Step::Limit(name, limit) => {
                let limited = self.queue.write(move |tx| {
                    Box::pin(async move { queue::limit_tenant(tx, &tenant(name), limit).await })
                });
                assert!(limited.await);
                match limit {
                    Some(limit) => drop(self.state.limits.insert(name, limit)),
                    None => drop(self.state.limits.remove(name)),
                }
            }
            Step::Drain => {
                let of = worker(&self.worker());
                let drained = self
                    .queue
                    .write(move |tx| Box::pin(async move { queue::drain(tx, &of).await }));
                assert_eq!(drained.await, self.state.known);
                self.state.draining = self.state.known;
            }
            _ => unreachable!("not a person's"),
        }
    }

    fn exists(&self, key: Key) -> bool {
        self.state.conversations[&key].next_seq > 0
    }

    fn id(&self, key: Key, at: usize) -> MessageId {
        self.state.conversations[&key].messages[at].id.clone()
    }

    async fn cancel(&mut self, key: Key, number: usize) {
        let Some(at) = self.state.conversations[&key].newest(number) else {
            return;
        };
        let (of, id) = (tenant(key.0), self.id(key, at));
        let cancelling = self
            .queue
            .write(move |tx| Box::pin(async move { queue::cancel(tx, &of, &id).await }));
        let answer = cancelling.await;
        let conversation = self.state.conversation(key);
        let flight = conversation.in_flight.as_mut();
        let flight = flight.filter(|flight| flight.message == at);
        match (conversation.messages[at].end, flight) {
            (Some(_), _) => assert_eq!(answer, Cancelled::Not),
            (None, Some(flight)) => {
                assert_eq!(answer, Cancelled::Asked);
                flight.cancelling = true;
                self.seen.asked += 1;
            }
            (None, None) => {
                assert_eq!(answer, Cancelled::Now);
                conversation.messages[at].end = Some(End::Cancelled);
            }
        }
    }

    async fn replay(&mut self, key: Key, number: usize) {
        let messages = &self.state.conversations[&key].messages;
        let dead = messages.iter().enumerate().rev();
        let mut dead = dead.filter(|(_, message)| matches!(message.end, Some(End::Dead(_))));
        let dead = dead.nth(number).map(|(at, _)| at);
        // With no such dead letter: something else, which is to be refused.
        let Some(at) = dead.or_else(|| messages.len().checked_sub(1)) else {
            return;
        };
        let is_dead = matches!(messages[at].end, Some(End::Dead(_)));
        let (of, id) = (tenant(key.0), self.id(key, at));
        let replaying = self
            .queue
            .write(move |tx| Box::pin(async move { queue::redrive(tx, &of, &id).await }));
        assert_eq!(replaying.await, is_dead);
        if is_dead {
            self.put_back(&[(key, at)]);
        }
    }

    async fn replay_all(&mut self, name: &'static str, limit: u32) {
        let letters = self.state.oldest_dead(name, limit);
        let replaying = self.queue.write(move |tx| {
            Box::pin(async move { queue::redrive_all(tx, &tenant(name), limit).await })
        });
        assert_eq!(replaying.await, u64::try_from(letters.len()).unwrap());
        self.put_back(&letters);
    }

    fn put_back(&mut self, letters: &[(Key, usize)]) {
        let now = self.state.now;
        for (key, at) in letters {
            self.state.conversation(*key).replay(*at, now);
        }
        self.seen.replayed += letters.len();
    }
}
