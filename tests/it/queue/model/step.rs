//! What can happen to the queue, and how likely.

use agent_factory::queue::Retry;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

pub(super) const TENANTS: [&str; 2] = ["acme", "other"];
const CONVERSATIONS: [&str; 3] = ["a", "b", "c"];
const STEPS: usize = 120;

/// Tenant and conversation.
pub(super) type Key = (&'static str, &'static str);

/// Every tenant has two agents; the last of its conversations is with the second.
pub(super) fn agent_of(conversation: &str) -> &'static str {
    if conversation == "c" {
        "sales"
    } else {
        "support"
    }
}

pub(super) fn keys() -> impl Iterator<Item = Key> {
    let of = |tenant| CONVERSATIONS.iter().map(move |id| (tenant, *id));
    TENANTS.iter().flat_map(move |tenant| of(*tenant))
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Seconds until it is to run; none: at once.
    Enqueue(Vec<(Key, Option<u64>)>),
    Claim {
        max: u32,
        in_flight: u32,
    },
    /// Of the newest leases, alive or not.
    Start(usize),
    Beat(usize),
    Complete(Vec<usize>),
    Fail(usize, Retry),
    GiveBack(usize),
    Hold(usize),
    /// Of a conversation's newest messages, whatever became of it.
    Cancel(Key, usize),
    Replay(Key, usize),
    ReplayAll(&'static str, u32),
    HoldAgent(Key),
    ResumeAgent(Key),
    PauseTenant(&'static str),
    ResumeTenant(&'static str),
    PauseConversation(Key),
    ResumeConversation(Key),
    Limit(&'static str, Option<u32>),
    /// The worker that claims is told to end; once it has heard of it, another takes its place.
    Drain,
    Advance(u64),
    ClockBack(u64),
}

fn key() -> impl Strategy<Value = Key> + Clone {
    (select(&TENANTS[..]), select(&CONVERSATIONS[..]))
}

/// Mostly one, and the newest.
fn message() -> impl Strategy<Value = (Key, usize)> + Clone {
    (key(), 0..5_usize)
}

fn enqueue() -> impl Strategy<Value = Step> {
    let message = || (key(), proptest::option::weighted(0.2, 0..90_u64));
    prop_oneof![
        3 => message().prop_map(|message| vec![message]),
        1 => proptest::collection::vec(message(), 2..5),
    ]
    .prop_map(Step::Enqueue)
}

fn work() -> impl Strategy<Value = Step> {
    let lease = 0..10_usize;
    let retry = prop_oneof![
        3 => Just(Retry::Backoff),
        3 => Just(Retry::Never),
        1 => Just(Retry::After(Duration::from_secs(9))),
    ];
    let several = prop_oneof![
        3 => lease.clone().prop_map(|lease| vec![lease]),
        1 => proptest::collection::vec(lease.clone(), 2..5),
    ];
    prop_oneof![
        10 => (1..8_u32, 0..2_u32).prop_map(|(max, in_flight)| Step::Claim { max, in_flight }),
        9 => lease.clone().prop_map(Step::Start),
        2 => lease.clone().prop_map(Step::Beat),
        6 => several.prop_map(Step::Complete),
        4 => (lease.clone(), retry).prop_map(|(lease, retry)| Step::Fail(lease, retry)),
        1 => lease.clone().prop_map(Step::GiveBack),
        1 => lease.prop_map(Step::Hold),
    ]
}

fn person() -> impl Strategy<Value = Step> {
    let tenant = || select(&TENANTS[..]);
    let limit = proptest::option::weighted(0.6, 1..4_u32);
    prop_oneof![
        4 => message().prop_map(|(key, number)| Step::Cancel(key, number)),
        4 => (key(), 0..2_usize).prop_map(|(key, number)| Step::Replay(key, number)),
        1 => (tenant(), 1..4_u32).prop_map(|(tenant, limit)| Step::ReplayAll(tenant, limit)),
        1 => key().prop_map(Step::HoldAgent),
        5 => key().prop_map(Step::ResumeAgent),
        1 => tenant().prop_map(Step::PauseTenant),
        4 => tenant().prop_map(Step::ResumeTenant),
        1 => key().prop_map(Step::PauseConversation),
        4 => key().prop_map(Step::ResumeConversation),
        2 => (tenant(), limit).prop_map(|(tenant, limit)| Step::Limit(tenant, limit)),
        1 => Just(Step::Drain),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => enqueue(),
        28 => work(),
        10 => person(),
        6 => (1..100_u64).prop_map(Step::Advance),
        1 => (1..20_u64).prop_map(Step::ClockBack),
    ];
    proptest::collection::vec(step, STEPS)
}
