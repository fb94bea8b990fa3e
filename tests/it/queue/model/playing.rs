//! Steps, done to the queue and to the model.

use super::Seen;
use super::state::{End, State};
use super::step::{Key, Step, TENANTS, agent_of, keys};
use crate::queue::driver::{Driver, worker};
use crate::queue::whole::assert_whole;
use agent_factory::domain::{Lease, Timestamp};
use agent_factory::queue::{self, Beat, Enqueue, FailOutcome, LeaseError, MessageState, Settled};
use agent_factory_tests::database::TestDatabase;
use std::time::Duration;

pub(super) struct Model {
    pub(super) queue: Driver,
    pub(super) state: State,
    pub(super) seen: Seen,
}

impl Model {
    pub(super) async fn new(test: TestDatabase, now: Timestamp) -> Self {
        for tenant in TENANTS {
            for agent in ["support", "sales"] {
                test.agent(tenant, agent).await;
            }
        }
        Self {
            queue: Driver::new(test).await,
            state: State::new(now),
            seen: Seen::default(),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let count = |wanted: fn(&End) -> bool| {
            let ends = self.state.messages().filter_map(|message| message.end);
            ends.filter(wanted).count()
        };
        let crashed = self.state.messages().filter(|message| message.crashes > 0);
        Seen {
            leases: self.state.leases.len(),
            crashed: crashed.count(),
            dead: count(|end| matches!(end, End::Dead(_))),
            cancelled: count(|end| matches!(end, End::Cancelled)),
            ..self.seen
        }
    }

    pub(super) async fn run(&mut self, step: &Step) {
        match step {
            Step::Enqueue(messages) => self.enqueue(messages).await,
            Step::Claim { max, in_flight } => self.claim(*max, *in_flight).await,
            Step::Complete(leases) => self.complete(leases).await,
            Step::Start(number)
            | Step::Beat(number)
            | Step::Fail(number, _)
            | Step::GiveBack(number)
            | Step::Hold(number) => {
                if let Some(lease) = self.state.lease(*number) {
                    self.with_lease(step, lease).await;
                }
            }
            Step::Advance(seconds) => {
                self.set_clock(self.state.now.plus(Duration::from_secs(*seconds)))
                    .await;
            }
            Step::ClockBack(seconds) => {
                let millis = i64::try_from(seconds * 1000).unwrap();
                let now = self.state.now.as_millis() - millis;
                self.set_clock(Timestamp::from_millis(now)).await;
            }
            asked => self.as_a_person(asked).await,
        }
        assert_whole(&self.queue.test).await;
        let ready = self.state.claimable().into_keys();
        self.state.once_ready.extend(ready);
    }

    async fn set_clock(&mut self, now: Timestamp) {
        self.state.now = now;
        self.queue.test.set_clock(now).await;
    }

    async fn enqueue(&mut self, messages: &[(Key, Option<u64>)]) {
        let now = self.state.now;
        let scheduled: Vec<_> = messages
            .iter()
            .map(|(_, after)| after.map(|seconds| now.plus(Duration::from_secs(seconds))))
            .collect();
        let wanted = messages.iter().zip(&scheduled);
        let wanted = wanted.map(|((key, _), scheduled_for)| Enqueue {
            scheduled_for: *scheduled_for,
            agent_key: agent_of(key.1).parse().unwrap(),
            ..self.queue.message_of(key.0, key.1, "hi")
        });
        let accepted = self.queue.enqueue_all(wanted.collect()).await;
        assert_eq!(accepted.len(), messages.len());
        for (((key, _), at), accepted) in messages.iter().zip(scheduled).zip(accepted) {
            let id = accepted.unwrap().message_id;
            self.state.conversation(*key).arrive(id, at, now);
        }
    }

    async fn complete(&mut self, numbers: &[usize]) {
        let leases: Vec<_> = numbers
            .iter()
            .filter_map(|number| self.state.lease(*number))
            .collect();
        if leases.is_empty() {
            return;
        }
        let asked: Vec<Lease> = leases
            .iter()
            .map(|(_, _, lease, _)| lease.clone())
            .collect();
        let answers = self.queue.complete_all(&asked).await;
        assert_eq!(answers.len(), leases.len());
        for ((number, key, ..), answer) in leases.into_iter().zip(answers) {
            let now = self.state.now;
            let conversation = self.state.conversation(key);
            let flight = conversation.in_flight.as_ref();
            let alive = flight.filter(|flight| flight.lease == number && flight.until > now);
            let alive = alive.map(|flight| flight.message);
            let done = Some(End::Done(number));
            let before = conversation
                .messages
                .iter()
                .any(|message| message.end == done);
            match answer {
                Ok(Settled::Now) => {
                    let message = &mut conversation.messages[alive.expect("a live lease")];
                    assert_eq!(message.end, None, "a message is settled once");
                    message.end = done;
                    conversation.in_flight = None;
                }
                Ok(Settled::AlreadySettled) => assert!(before && alive.is_none()),
                Err(LeaseError::Lost) => assert!(!before && alive.is_none()),
                Err(LeaseError::Store(error)) => panic!("{error}"),
            }
        }
    }

    async fn with_lease(
        &mut self,
        step: &Step,
        (number, key, lease, alive): (usize, Key, Lease, bool),
    ) {
        let succeeded = match step {
            Step::Start(_) => self.queue.start(&lease).await.is_ok(),
            Step::Beat(_) => self.beat(key, &lease).await,
            Step::GiveBack(_) => self.queue.give_back(&lease).await.is_ok(),
            Step::Hold(_) => self.queue.hold(&lease, "why").await.is_ok(),
            Step::Fail(_, retry) => match self.queue.fail(&lease, *retry).await {
                Ok(outcome) => {
                    self.failed(key, *retry, outcome);
                    true
                }
                Err(_) => false,
            },
            _ => unreachable!("not of one lease"),
        };
        assert_eq!(succeeded, alive, "{step:?} under lease {number}");
        if !succeeded {
            return;
        }
        if let Step::Hold(_) = step {
            self.state.held.insert((key.0, agent_of(key.1)));
        }
        let (now, policy) = (self.state.now, self.queue.policy.clone());
        let conversation = self.state.conversation(key);
        let flight = conversation.in_flight.as_mut().unwrap();
        match step {
            Step::Start(_) => flight.started = true,
            Step::Beat(_) => flight.until = now.plus(policy.lease).min(flight.deadline),
            _ => {
                // What nobody wants any more does not come back.
                if flight.cancelling {
                    conversation.messages[flight.message].end = Some(End::Cancelled);
                }
                conversation.in_flight = None;
            }
        }
    }

    /// Whether the lease holds still.
    async fn beat(&mut self, key: Key, lease: &Lease) -> bool {
        let (policy, of, lease) = (self.queue.policy.clone(), self.worker(), lease.clone());
        let beating = self.queue.write(move |tx| {
            Box::pin(async move {
                let (of, pool) = (worker(&of), lease.pool.clone());
                queue::heartbeat(tx, &policy, &of, &pool, &[(lease, false)]).await
            })
        });
        let heard = beating.await;
        assert_eq!(heard.drain, self.state.draining);
        let flight = self.state.conversations[&key].in_flight.as_ref();
        match heard.beats[0] {
            Beat::Lost => return false,
            Beat::Extended { .. } => assert!(!flight.unwrap().cancelling),
            Beat::Cancel { .. } => assert!(flight.unwrap().cancelling),
        }
        true
    }

    fn failed(&mut self, key: Key, retry: queue::Retry, outcome: FailOutcome) {
        let (now, policy) = (self.state.now, self.queue.policy.clone());
        let conversation = self.state.conversation(key);
        let flight = conversation.in_flight.as_ref().unwrap();
        let message = &mut conversation.messages[flight.message];
        if flight.cancelling {
            assert_eq!(outcome, FailOutcome::Cancelled);
            return;
        }
        message.attempts += 1;
        let last = message.attempts >= policy.max_attempts || retry == queue::Retry::Never;
        match outcome {
            FailOutcome::DeadLettered => {
                assert!(last);
                message.end = Some(End::Dead(now));
            }
            FailOutcome::Requeued { after } => {
                assert!(!last);
                message.not_before = Some(now.plus(after));
            }
            FailOutcome::Cancelled => panic!("nobody cancelled it"),
        }
    }

    /// Let every message end, and see that none was lost on the way.
    pub(super) async fn drain(&mut self) {
        for key in keys() {
            self.as_a_person(&Step::ResumeTenant(key.0)).await;
            self.as_a_person(&Step::ResumeAgent(key)).await;
            self.as_a_person(&Step::ResumeConversation(key)).await;
            self.as_a_person(&Step::Limit(key.0, None)).await;
        }
        for _ in 0..400 {
            self.run(&Step::Advance(3600)).await;
            let first = self.state.leases.len();
            self.claim(8, 0).await;
            let all = (0..self.state.leases.len() - first).collect();
            self.run(&Step::Complete(all)).await;
            if self.state.messages().all(|message| message.end.is_some()) {
                return self.compare().await;
            }
        }
        panic!("some message is never given");
    }

    /// Every message is where the model has it.
    async fn compare(&self) {
        for (key, conversation) in &self.state.conversations {
            for message in &conversation.messages {
                let status = self.queue.status_in(key.0, &message.id).await.unwrap();
                let as_ended = match status.state {
                    MessageState::Done { .. } => matches!(message.end, Some(End::Done(_))),
                    MessageState::Cancelled { .. } => message.end == Some(End::Cancelled),
                    MessageState::DeadLetter { at } => message.end == Some(End::Dead(at)),
                    MessageState::Queued { .. } | MessageState::Processing => false,
                };
                assert!(as_ended, "{key:?}: {message:?} is {status:?}");
            }
        }
        let stored = "SELECT (SELECT count(*) FROM message_queue) + (SELECT count(*) FROM finished_messages)";
        let accepted = i64::try_from(self.state.messages().count()).unwrap();
        assert_eq!(self.queue.test.number(stored).await, accepted);
        let busy = "SELECT (SELECT count(*) FROM heads) + (SELECT count(*) FROM leases)";
        assert_eq!(self.queue.test.number(busy).await, 0);
    }
}
