use crate::clock::Ids;
pub use crate::config::Retry as RetryPolicy;
use crate::store::{StoreError, without_nul};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// The longest a turn can ask to wait before its next attempt ([`Retry::After`]): its conversation waits with it.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The longest error text kept with a message, bytes.
const LONGEST_ERROR: usize = 2048;

/// How the queue works. Every value is a bound, with its unit in its type or name.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Of messages that come without one.
    pub default_priority: Priority,
    /// Attempts of messages that come without a number of their own; at least 1.
    pub max_attempts: u32,
    /// Workers that may be lost while they run a message before it is given up, whatever attempts it has left; at least 1.
    pub max_crashes: u32,
    /// Messages of one tenant that workers have at once, where the tenant has no number of its own; at least 1. Claims
    /// that overlap may overshoot it, each by no more than it asks for.
    pub tenant_in_flight: u32,
    /// When a failed attempt is followed by the next.
    pub retry: RetryPolicy,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How long a claim holds at most, heartbeats or not: a worker that hangs and still beats loses it then.
    pub lease_total: Duration,
    /// Conversations one claim or sweep lets fall due, at most.
    pub promote_batch: u32,
    /// Ended leases one claim or sweep takes back, and held conversations it lets go, at most of each.
    pub sweep_batch: u32,
    /// The largest payload, bytes of its JSON.
    pub max_payload_bytes: usize,
}

/// What a failed attempt wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Another attempt when the policy says.
    Backoff,
    /// Another attempt after this long, at most [`LONGEST_RETRY_AFTER`]; counts as any other.
    After(Duration),
    /// None: another attempt would fail as well.
    Never,
}

/// How soon the head of a conversation is taken among its tenant's: 0 to 100, higher first. It never changes the
/// order within a conversation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[serde(from = "i64")]
#[sqlx(transparent)]
pub struct Priority(i64);

impl Priority {
    /// The nearest priority to `wanted`.
    #[must_use]
    pub const fn clamped(wanted: i64) -> Self {
        Self(if wanted < 0 {
            0
        } else if wanted > 100 {
            100
        } else {
            wanted
        })
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<i64> for Priority {
    fn from(wanted: i64) -> Self {
        Self::clamped(wanted)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(50)
    }
}

/// How long to wait after attempt `attempt`; `None` where there is to be no other.
pub(crate) fn backoff(
    policy: &RetryPolicy,
    retry: Retry,
    attempt: u32,
    max_attempts: u32,
    ids: &Ids,
) -> Result<Option<Duration>, StoreError> {
    if attempt >= max_attempts {
        return Ok(None);
    }
    Ok(match retry {
        Retry::Never => None,
        Retry::After(wait) => Some(wait.min(LONGEST_RETRY_AFTER)),
        Retry::Backoff => Some(policy.delay(attempt, u64::from_be_bytes(ids.bytes()?))),
    })
}

/// An error text cut to what is kept.
pub(crate) fn clipped(text: &str) -> Cow<'_, str> {
    let mut end = text.len().min(LONGEST_ERROR);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    without_nul(text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_taken_at_its_word_up_to_an_hour() {
        let ids = Ids::seeded(1);
        let hour = Retry::After(Duration::from_hours(1));
        let beyond = Retry::After(Duration::from_secs(3601));
        for retry in [hour, beyond] {
            let wait = backoff(&RetryPolicy::default(), retry, 1, 2, &ids).unwrap();
            assert_eq!(wait, Some(Duration::from_hours(1)));
        }
        assert_eq!(
            backoff(&RetryPolicy::default(), hour, 2, 2, &ids).unwrap(),
            None
        );
        assert_eq!(
            backoff(&RetryPolicy::default(), Retry::Never, 1, 2, &ids).unwrap(),
            None
        );
    }

    #[test]
    fn a_priority_is_the_nearest_one_there_is() {
        let priorities = [-1, 0, 100, 101].map(|wanted| Priority::clamped(wanted).get());
        assert_eq!(priorities, [0, 0, 100, 100]);
    }

    #[test]
    fn an_error_is_cut_between_characters() {
        assert_eq!(clipped("short"), "short");
        assert_eq!(clipped("a\0b"), "ab");
        let long = "é".repeat(LONGEST_ERROR);
        assert_eq!(clipped(&long).len(), LONGEST_ERROR);
        assert_eq!(clipped(&format!("x{long}")).len(), LONGEST_ERROR - 1);
    }
}
