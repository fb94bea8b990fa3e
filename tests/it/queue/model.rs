//! Random sequences of operations against a small model of the queue: what is claimed, refused and left must be what
//! the model says, whatever came before.

use super::driver::{Driver, request};
use agent_factory::domain::{Lease, MessageId, Timestamp};
use agent_factory::queue::{Claimed, Enqueue, FailOutcome, Retry, Settled};
use agent_factory_tests::database::{EPOCH, TestDatabase};
use agent_factory_tests::store_cases;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SEQUENCES: usize = 20;
const STEPS: usize = 70;
const TENANTS: [&str; 2] = ["acme", "other"];
const CONVERSATIONS: [&str; 3] = ["a", "b", "c"];

type Key = (&'static str, &'static str);

#[derive(Clone, Copy, Debug)]
enum Step {
    Enqueue(Key, Option<u64>),
    Claim {
        max: u32,
        in_flight: u32,
    },
    /// Of the newest leases, alive or not.
    Start(usize),
    Beat(usize),
    Complete(usize),
    Fail(usize, Retry),
    GiveBack(usize),
    Hold(usize),
    Resume,
    Advance(u64),
    ClockBack(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = (
        proptest::sample::select(&TENANTS[..]),
        proptest::sample::select(&CONVERSATIONS[..]),
    );
    let retry = prop_oneof![
        4 => Just(Retry::Backoff),
        1 => Just(Retry::Never),
        1 => Just(Retry::After(Duration::from_secs(9))),
    ];
    let lease = 0..10_usize;
    prop_oneof![
        6 => (key, proptest::option::weighted(0.2, 0..90_u64)).prop_map(|(key, at)| Step::Enqueue(key, at)),
        10 => (1..8_u32, 0..2_u32).prop_map(|(max, in_flight)| Step::Claim { max, in_flight }),
        6 => lease.clone().prop_map(Step::Start),
        2 => lease.clone().prop_map(Step::Beat),
        6 => lease.clone().prop_map(Step::Complete),
        4 => (lease.clone(), retry).prop_map(|(lease, retry)| Step::Fail(lease, retry)),
        1 => lease.clone().prop_map(Step::GiveBack),
        1 => lease.prop_map(Step::Hold),
        1 => Just(Step::Resume),
        6 => (1..80_u64).prop_map(Step::Advance),
        1 => (1..20_u64).prop_map(Step::ClockBack),
    ]
}

#[derive(Clone, Debug)]
struct Message {
    id: MessageId,
    place: (Timestamp, u64),
    not_before: Option<Timestamp>,
    attempts: u32,
    crashes: u32,
    /// The lease that completed it, or none: dead.
    settled: Option<Option<usize>>,
}

#[derive(Clone, Debug)]
struct InFlight {
    lease: usize,
    message: usize,
    started: bool,
    until: Timestamp,
    deadline: Timestamp,
}

#[derive(Debug, Default)]
struct Conversation {
    messages: Vec<Message>,
    last_place: Option<Timestamp>,
    in_flight: Option<InFlight>,
}

impl Conversation {
    /// The pending message of the lowest place.
    fn head(&self) -> Option<usize> {
        let pending = self
            .messages
            .iter()
            .enumerate()
            .filter(|(_, message)| message.settled.is_none());
        pending
            .min_by_key(|(_, message)| message.place)
            .map(|(at, _)| at)
    }
}

struct Model {
    queue: Driver,
    now: Timestamp,
    conversations: BTreeMap<Key, Conversation>,
    held: BTreeSet<&'static str>,
    leases: Vec<(Key, Lease)>,
}

impl Model {
    async fn new(test: TestDatabase) -> Self {
        let queue = Driver::new(test).await;
        queue.test.agent("other", "support").await;
        let keys = TENANTS
            .iter()
            .flat_map(|tenant| CONVERSATIONS.iter().map(move |id| (*tenant, *id)));
        Self {
            queue,
            now: EPOCH,
            conversations: keys.map(|key| (key, Conversation::default())).collect(),
            held: BTreeSet::new(),
            leases: Vec::new(),
        }
    }

    fn conversation(&mut self, key: Key) -> &mut Conversation {
        self.conversations.get_mut(&key).unwrap()
    }

    /// The `number`-th newest lease of all ever given, and whether it is alive.
    fn lease(&self, number: usize) -> Option<(usize, Key, Lease, bool)> {
        let number = self.leases.len().checked_sub(number + 1)?;
        let (key, lease) = self.leases[number].clone();
        let in_flight = self.conversations[&key].in_flight.as_ref();
        let alive =
            in_flight.is_some_and(|flight| flight.lease == number && flight.until > self.now);
        Some((number, key, lease, alive))
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Enqueue(key, after) => self.enqueue(key, after).await,
            Step::Claim { max, in_flight } => drop(self.claim(max, in_flight).await),
            Step::Advance(seconds) => {
                self.now = self.now.plus(Duration::from_secs(seconds));
                self.queue.test.set_clock(self.now).await;
            }
            Step::ClockBack(seconds) => {
                let millis = i64::try_from(seconds * 1000).unwrap();
                self.now = Timestamp::from_millis(self.now.as_millis() - millis);
                self.queue.test.set_clock(self.now).await;
            }
            Step::Resume => {
                self.queue.resume().await;
                self.held.remove("acme");
            }
            Step::Start(number)
            | Step::Beat(number)
            | Step::Complete(number)
            | Step::Fail(number, _)
            | Step::GiveBack(number)
            | Step::Hold(number) => {
                if let Some(lease) = self.lease(number) {
                    self.with_lease(step, lease).await;
                }
            }
        }
    }

    async fn enqueue(&mut self, key: Key, after: Option<u64>) {
        let scheduled_for = after.map(|seconds| self.now.plus(Duration::from_secs(seconds)));
        let message = self.queue.message_of(key.0, key.1, "hi");
        let id = self
            .queue
            .enqueue_as(Enqueue {
                scheduled_for,
                ..message
            })
            .await;
        let now = self.now;
        let conversation = self.conversation(key);
        let seq = u64::try_from(conversation.messages.len()).unwrap();
        let last = conversation.last_place.unwrap_or(Timestamp::from_millis(0));
        let not_before = scheduled_for.filter(|moment| *moment > now);
        let at = if let Some(moment) = not_before {
            moment.max(last.plus(Duration::from_millis(1)))
        } else {
            conversation.last_place = Some(now.max(last));
            now.max(last)
        };
        conversation.messages.push(Message {
            id,
            place: (at, seq),
            not_before,
            attempts: 0,
            crashes: 0,
            settled: None,
        });
    }

    /// What ended leases do to their messages.
    fn sweep(&mut self) {
        let (now, most) = (self.now, self.queue.policy.max_attempts);
        let retry = self.queue.policy.retry.clone();
        for conversation in self.conversations.values_mut() {
            let ended = conversation.in_flight.take_if(|flight| flight.until <= now);
            let Some(flight) = ended.filter(|flight| flight.started) else {
                continue;
            };
            let message = &mut conversation.messages[flight.message];
            message.attempts += 1;
            message.crashes += 1;
            if message.attempts >= most {
                message.settled = Some(None);
            } else {
                message.not_before = Some(now.plus(retry.delay(message.attempts, 0)));
            }
        }
    }

    /// Conversations whose head can be claimed now, and whether it is a suspect.
    fn claimable(&self) -> BTreeMap<Key, bool> {
        let free = self.conversations.iter().filter(|(key, conversation)| {
            conversation.in_flight.is_none() && !self.held.contains(key.0)
        });
        free.filter_map(|(key, conversation)| {
            let head = &conversation.messages[conversation.head()?];
            let due = head.not_before.is_none_or(|moment| moment <= self.now);
            due.then_some((*key, head.crashes > 0))
        })
        .collect()
    }

    async fn claim(&mut self, max: u32, in_flight: u32) -> usize {
        self.sweep();
        let claimable = self.claimable();
        let runs_suspect = self.conversations.values().any(|conversation| {
            let flight = conversation.in_flight.as_ref();
            flight.is_some_and(|flight| conversation.messages[flight.message].crashes > 0)
        });
        let batch = self.queue.claim_as(request("worker", max, in_flight)).await;
        let claimed = batch.claimed;
        let suspects = claimable.values().filter(|suspect| **suspect).count();
        let others = claimable.len() - suspects;
        if claimed.iter().any(|message| message.suspect) {
            assert_eq!(
                (claimed.len(), in_flight),
                (1, 0),
                "a suspect is given alone"
            );
        } else if in_flight > 0 && runs_suspect {
            assert_eq!(claimed.len(), 0, "nothing is given beside a suspect");
        } else {
            let most = usize::try_from(max).unwrap();
            assert_eq!(
                claimed.len(),
                others.min(most),
                "what is due is given: {claimable:?}"
            );
            assert!(!claimed.is_empty() || in_flight > 0 || suspects == 0);
        }
        for message in &claimed {
            self.take(message, &claimable);
        }
        claimed.len()
    }

    fn take(&mut self, claimed: &Claimed, claimable: &BTreeMap<Key, bool>) {
        let lease = &claimed.lease;
        let key = *claimable
            .keys()
            .find(|key| {
                key.0 == lease.tenant_id.as_str() && key.1 == lease.conversation_id.as_str()
            })
            .unwrap_or_else(|| panic!("not to be claimed: {claimed:?}"));
        assert_eq!(claimed.suspect, claimable[&key]);
        let (now, number) = (self.now, self.leases.len());
        let policy = self.queue.policy.clone();
        let conversation = self.conversation(key);
        let head = conversation.head().unwrap();
        let message = &conversation.messages[head];
        assert_eq!(message.id, lease.message_id, "the head is what is given");
        assert_eq!(claimed.attempt, message.attempts + 1);
        assert!(
            conversation.in_flight.is_none(),
            "one in flight in a conversation"
        );
        conversation.last_place = conversation.last_place.max(Some(message.place.0));
        conversation.in_flight = Some(InFlight {
            lease: number,
            message: head,
            started: false,
            until: now.plus(policy.lease),
            deadline: now.plus(policy.lease_total),
        });
        self.leases.push((key, lease.clone()));
    }

    async fn with_lease(
        &mut self,
        step: Step,
        (number, key, lease, alive): (usize, Key, Lease, bool),
    ) {
        let (now, policy) = (self.now, self.queue.policy.clone());
        let succeeded = match step {
            Step::Start(_) => self.queue.start(&lease).await.is_ok(),
            Step::Beat(_) => self.queue.beat(&lease).await != agent_factory::queue::Beat::Lost,
            Step::Complete(_) => match self.queue.complete(&lease).await {
                Ok(Settled::Now) => true,
                Ok(Settled::AlreadySettled) => {
                    let mut messages = self.conversations[&key].messages.iter();
                    assert!(messages.any(|message| message.settled == Some(Some(number))));
                    false
                }
                Err(_) => false,
            },
            Step::Fail(_, retry) => match self.queue.fail(&lease, retry).await {
                Ok(outcome) => {
                    let conversation = self.conversation(key);
                    let flight = conversation.in_flight.as_ref().unwrap();
                    let message = &mut conversation.messages[flight.message];
                    message.attempts += 1;
                    match outcome {
                        FailOutcome::DeadLettered => {
                            assert!(
                                message.attempts >= policy.max_attempts || retry == Retry::Never
                            );
                            message.settled = Some(None);
                        }
                        FailOutcome::Cancelled => panic!("nobody cancelled it"),
                        FailOutcome::Requeued { after } => {
                            assert!(message.attempts < policy.max_attempts);
                            message.not_before = Some(now.plus(after));
                        }
                    }
                    true
                }
                Err(_) => false,
            },
            Step::GiveBack(_) => self.queue.give_back(&lease).await.is_ok(),
            Step::Hold(_) => self.queue.hold(&lease, "why").await.is_ok(),
            _ => unreachable!("not of a lease"),
        };
        assert_eq!(succeeded, alive, "{step:?} under lease {number}");
        if !succeeded {
            return;
        }
        if let Step::Hold(_) = step {
            self.held.insert(key.0);
        }
        let conversation = self.conversation(key);
        let flight = conversation.in_flight.as_mut().unwrap();
        match step {
            Step::Start(_) => flight.started = true,
            Step::Beat(_) => flight.until = now.plus(policy.lease).min(flight.deadline),
            _ => {
                if let Step::Complete(_) = step {
                    let message = &mut conversation.messages[flight.message];
                    assert_eq!(message.settled, None, "a message is settled once");
                    message.settled = Some(Some(number));
                }
                conversation.in_flight = None;
            }
        }
    }

    /// Let every message end, and see that none was lost on the way.
    async fn drain(&mut self) {
        self.queue
            .test
            .execute("UPDATE agent_profiles SET held_reason = NULL, held_at = NULL, resuming = 1")
            .await;
        self.held.clear();
        for _ in 0..400 {
            self.run(Step::Advance(3600)).await;
            let first = self.leases.len();
            self.claim(8, 0).await;
            for number in 0..self.leases.len() - first {
                self.run(Step::Complete(number)).await;
            }
            let messages = || {
                self.conversations
                    .values()
                    .flat_map(|conversation| &conversation.messages)
            };
            if messages().all(|message| message.settled.is_some()) {
                let accepted = i64::try_from(messages().count()).unwrap();
                let done = messages()
                    .filter(|message| message.settled != Some(None))
                    .count();
                let test = &self.queue.test;
                let left = test.number("SELECT count(*) FROM message_queue").await;
                let stored = test
                    .number("SELECT count(*) FROM finished_messages WHERE outcome = 'done'")
                    .await;
                assert_eq!(left + stored, accepted);
                assert_eq!(stored, i64::try_from(done).unwrap());
                let busy = test
                    .number("SELECT count(*) FROM conversations WHERE state <> 'idle'")
                    .await;
                assert_eq!(busy, 0);
                return;
            }
        }
        panic!("some message is never given");
    }
}

/// The same sequences in every run.
fn sequences() -> Vec<Vec<Step>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = proptest::collection::vec(step(), STEPS);
    (0..SEQUENCES)
        .map(|_| steps.new_tree(&mut runner).unwrap().current())
        .collect()
}

store_cases! {
    async fn whatever_happens_the_queue_does_what_the_model_says(test) {
        let mut model = Model::new(test).await;
        for steps in sequences() {
            for step in steps {
                model.run(step).await;
            }
            model.drain().await;
        }
        let crashed = model.conversations.values().flat_map(|conversation| &conversation.messages);
        let crashed = crashed.filter(|message| message.crashes > 0).count();
        assert!(crashed > 20 && model.leases.len() > 200, "{crashed} crash, {} leases", model.leases.len());
    }
}
