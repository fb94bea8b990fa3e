//! How often one caller may ask. What is remembered of callers is bounded, however many there are.
//!
//! Each token of an operator, a tenant or an app has a rate of its own. Workers have none: the workers of a pool share
//! one token, and are bounded by the room there is for their requests. Attempts without a valid token are counted by
//! the address they come from, and after too many are told to come back later; a valid token is never refused for
//! what others did at its address, which may be a proxy's.

use crate::config::Server;
use crate::domain::TokenId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

/// How many callers are remembered at most, of each kind.
const CALLERS_MAX: usize = 20_000;

/// The rates of one process.
pub(super) struct Rates<C: Clock = DefaultClock> {
    tokens: Rate<TokenId, C>,
    failures: Rate<IpAddr, C>,
}

/// One rate for each key.
struct Rate<K: Hash + Eq + Clone, C: Clock>(
    RateLimiter<K, Generations<K>, C, NoOpMiddleware<C::Instant>>,
);

impl Rates {
    /// As configured, by this process's monotonic clock.
    #[must_use]
    pub(super) fn new(server: &Server) -> Self {
        Self::with_clock(server, CALLERS_MAX, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(server: &Server, callers_max: usize, clock: &C) -> Self {
        let per_second = Quota::per_second(at_least_one(server.rate_per_second))
            .allow_burst(at_least_one(server.rate_burst));
        let failures = Quota::per_minute(at_least_one(server.auth_failures_per_minute));
        Self {
            tokens: Rate::new(per_second, callers_max, clock.clone()),
            failures: Rate::new(failures, callers_max, clock.clone()),
        }
    }
}

impl<C: Clock> Rates<C> {
    /// A request under this token.
    ///
    /// # Errors
    /// How long to wait, where it is one too many.
    pub(super) fn request(&self, token_id: &TokenId) -> Result<(), Duration> {
        self.tokens.check(token_id)
    }

    /// A request without a valid token, from this address.
    ///
    /// # Errors
    /// How long to wait, where it is one too many.
    pub(super) fn failure(&self, from: Option<IpAddr>) -> Result<(), Duration> {
        let from = from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.failures.check(&network(from))
    }
}

impl<K: Hash + Eq + Clone, C: Clock> Rate<K, C> {
    fn new(quota: Quota, keys_max: usize, clock: C) -> Self {
        Self(RateLimiter::new(quota, Generations::new(keys_max), clock))
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        let clock = self.0.clock();
        self.0
            .check_key(key)
            .map_err(|not_until| not_until.wait_time_from(clock.now()))
    }
}

/// Who has one IPv6 address has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

/// The bounds of the configuration begin with 1.
fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The states of at most so many keys: once the younger half is full, the older half is forgotten. To be forgotten is
/// to begin afresh, which only ever lets more through.
struct Generations<K> {
    half: usize,
    states: Mutex<Halves<K>>,
}

struct Halves<K> {
    young: HashMap<K, Nanos>,
    old: HashMap<K, Nanos>,
}

impl<K> Generations<K> {
    fn new(keys_max: usize) -> Self {
        Self {
            half: (keys_max / 2).max(1),
            states: Mutex::new(Halves {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Generations<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Nothing panics while it is held.
        let mut states = match self.states.lock() {
            Ok(states) => states,
            Err(poisoned) => poisoned.into_inner(),
        };
        let known = states.young.get(key).or_else(|| states.old.get(key));
        let (outcome, state) = measure(known.copied())?;
        if states.young.len() >= self.half && !states.young.contains_key(key) {
            states.old = std::mem::take(&mut states.young);
        }
        states.young.insert(key.clone(), state);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn rates(callers_max: usize, clock: &FakeRelativeClock) -> Rates<FakeRelativeClock> {
        let server = Server {
            rate_per_second: 2,
            rate_burst: 3,
            auth_failures_per_minute: 2,
            ..Server::default()
        };
        Rates::with_clock(&server, callers_max, clock)
    }

    fn token(name: &str) -> TokenId {
        name.parse().unwrap()
    }

    #[test]
    fn a_burst_is_let_through_and_one_beyond_is_told_when_to_come_back() {
        let clock = FakeRelativeClock::default();
        let rates = rates(100, &clock);
        let one = token("one");
        for _ in 0..3 {
            assert_eq!(rates.request(&one), Ok(()));
        }
        let wait = rates.request(&one).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert_eq!(rates.request(&token("another")), Ok(()));
        clock.advance(wait);
        assert_eq!(rates.request(&one), Ok(()));
        assert!(rates.request(&one).is_err());
    }

    #[test]
    fn failures_of_one_network_are_counted_together_and_apart_from_others() {
        let clock = FakeRelativeClock::default();
        let rates = rates(100, &clock);
        let from = |text: &str| rates.failure(Some(text.parse().unwrap()));
        assert_eq!(from("2001:db8::1"), Ok(()));
        assert_eq!(from("2001:db8::2"), Ok(()));
        assert!(from("2001:db8::3").is_err());
        assert_eq!(from("2001:db8:0:1::1"), Ok(()));
        assert_eq!(from("192.0.2.1"), Ok(()));
        assert_eq!(from("::ffff:192.0.2.1"), Ok(()));
        assert!(from("192.0.2.1").is_err());
        assert_eq!(from("192.0.2.2"), Ok(()));
    }

    #[test]
    fn no_more_callers_are_remembered_than_the_bound() {
        let clock = FakeRelativeClock::default();
        let rates = rates(10, &clock);
        for number in 0..1000 {
            rates.request(&token(&format!("t{number}"))).unwrap();
        }
        let states = rates.tokens.0.into_state_store();
        let states = states.states.into_inner().unwrap();
        assert!(states.young.len() + states.old.len() <= 10);
    }
}
