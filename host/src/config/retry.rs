//! `[retry]`: how long a failed message waits.

use super::bounds::{Quantity, fraction, whole};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("retry.base_delay_ms", 1, 3_600_000, "milliseconds"),
    whole("retry.max_delay_ms", 1, 86_400_000, "milliseconds"),
    fraction("retry.factor", 1.0, 10.0, "times the delay before"),
    fraction("retry.jitter_ratio", 0.0, 1.0, "of the delay"),
];

/// The wait between two attempts: exponential, with jitter on top (`[retry]`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The wait after the first attempt, milliseconds.
    pub base_delay_ms: u64,
    /// The longest wait, jitter included, milliseconds.
    pub max_delay_ms: u64,
    /// Each wait is so many times the one before.
    pub factor: f64,
    /// How much of a wait is added at random at most, 0 to 1.
    pub jitter_ratio: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            base_delay_ms: 1_000,
            max_delay_ms: 120_000,
            factor: 2.0,
            jitter_ratio: 0.1,
        }
    }
}

impl Retry {
    /// The wait after so many attempts, the failed one included; `random` is uniform over its
    /// whole range.
    ///
    /// The reference adds jitter after the cap and so waits longer than its own maximum. To cap
    /// after the jitter would send all late retries at the same moment. Here the exponential part
    /// stops at the maximum divided by `1 + jitter_ratio`: jitter always has its room.
    #[must_use]
    pub fn delay(&self, attempts: u32, random: u64) -> Duration {
        let max = Duration::from_millis(self.max_delay_ms);
        let jitter = self.jitter_ratio.clamp(0.0, 1.0);
        let steps = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let base = Duration::from_millis(self.base_delay_ms).as_secs_f64();
        let before_jitter =
            (base * self.factor.powi(steps)).min(max.as_secs_f64() / (1.0 + jitter));
        let with_jitter = before_jitter * (1.0 + jitter * part_of_one(random));
        // Fails only for values that validation refuses.
        Duration::try_from_secs_f64(with_jitter).map_or(max, |delay| delay.min(max))
    }
}

/// 0 up to, never quite, 1.
fn part_of_one(random: u64) -> f64 {
    // The upper 32 bits convert without loss.
    let bits = u32::try_from(random >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_base_until_they_reach_the_maximum() {
        let retry = Retry {
            jitter_ratio: 0.0,
            ..Retry::default()
        };
        let seconds: Vec<u64> = (1..=9).map(|n| retry.delay(n, 0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
    }

    #[test]
    fn jitter_adds_a_tenth_at_most_and_nothing_at_least() {
        let retry = Retry::default();
        assert_eq!(retry.delay(1, 0), Duration::from_secs(1));
        assert_eq!(retry.delay(1, u64::MAX), Duration::from_millis(1_100));
        assert_eq!(retry.delay(2, 1 << 63), Duration::from_millis(2_100));
    }

    #[test]
    fn jitter_still_spreads_the_longest_waits_and_never_passes_the_maximum() {
        let retry = Retry::default();
        let (low, high) = (retry.delay(40, 0), retry.delay(40, u64::MAX));
        assert!(low < high, "{low:?} {high:?}");
        assert!(high <= Duration::from_millis(retry.max_delay_ms));
        assert!(high > Duration::from_millis(retry.max_delay_ms - 1));
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let retry = Retry {
            factor: 10.0,
            ..Retry::default()
        };
        let max = Duration::from_millis(retry.max_delay_ms);
        assert!(retry.delay(u32::MAX, u64::MAX) <= max);
        assert_eq!(retry.delay(0, 0), retry.delay(1, 0));
    }
}
