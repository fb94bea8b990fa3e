//! How much memory one call holds.

use super::stop::Stop;
use crate::config::Limits;
use crate::domain::LimitName;
use wasmtime::ResourceLimiter;

/// Counts all memories of a call together, and all its tables: a limit of each would be multiplied
/// by the number of them.
///
/// A growth over the limit fails, as it does on a machine that is full. Guests turn that into a
/// trap or an abort of their own, so the refusal is remembered here: it tells that end from others.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    memory: Quota,
    tables: Quota,
    /// How many of each there may be.
    counts: Counts,
}

#[derive(Debug)]
struct Counts {
    instances: usize,
    tables: usize,
    memories: usize,
}

#[derive(Debug)]
struct Quota {
    limit: u64,
    held: u64,
    peak: u64,
    refused: bool,
}

impl Quota {
    const fn of(limit: u64) -> Self {
        Self {
            limit,
            held: 0,
            peak: 0,
            refused: false,
        }
    }

    /// Whether this maximum is the limit's, and no guest's own: the pool has the limit for the maximum of whatever has none.
    fn is_maximum(&self, maximum: usize) -> bool {
        u64::try_from(maximum).is_ok_and(|maximum| maximum == self.limit)
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let held = self.held.saturating_add(more);
        if held > self.limit {
            self.refused = true;
            return false;
        }
        self.held = held;
        self.peak = self.peak.max(held);
        true
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory: Quota::of(limits.memory_bytes),
            tables: Quota::of(u64::from(limits.table_elements)),
            counts: Counts {
                instances: size(limits.core_instances),
                tables: size(limits.tables),
                memories: size(limits.memories),
            },
        }
    }

    /// The most memory held at once, bytes.
    pub(super) const fn peak(&self) -> u64 {
        self.memory.peak
    }

    /// Which limit refused a growth, if one did.
    pub(super) fn refused(&self, limits: &Limits) -> Option<Stop> {
        if self.memory.refused {
            Some(Stop::over(limits, LimitName::MemoryBytes))
        } else if self.tables.refused {
            Some(Stop::over(limits, LimitName::TableElements))
        } else {
            None
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The guest's own maximum is no matter of ours: the growth fails, and holds nothing. One that is the pool's, and so the
        // limit's, is.
        if maximum.is_some_and(|maximum| desired > maximum && !self.memory.is_maximum(maximum)) {
            return Ok(false);
        }
        Ok(self.memory.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum && !self.tables.is_maximum(maximum)) {
            return Ok(false);
        }
        Ok(self.tables.grow(current, desired))
    }

    fn instances(&self) -> usize {
        self.counts.instances
    }

    fn tables(&self) -> usize {
        self.counts.tables
    }

    fn memories(&self) -> usize {
        self.counts.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            memory_bytes: 128 << 10,
            table_elements: 10,
            ..Limits::default()
        }
    }

    #[test]
    fn memories_are_counted_together_up_to_the_limit_and_not_beyond() {
        let mut limiter = MemoryLimiter::new(&limits());
        assert!(limiter.memory_growing(0, 64 << 10, None).unwrap());
        assert!(limiter.memory_growing(0, 64 << 10, None).unwrap());
        assert_eq!(limiter.refused(&limits()), None);
        assert!(!limiter.memory_growing(64 << 10, 128 << 10, None).unwrap());
        assert_eq!(limiter.peak(), 128 << 10);
        assert_eq!(
            limiter.refused(&limits()),
            Some(Stop::over(&limits(), LimitName::MemoryBytes))
        );
    }

    #[test]
    fn a_growth_over_the_guests_own_maximum_is_not_a_limit_of_ours() {
        let mut limiter = MemoryLimiter::new(&limits());
        assert!(!limiter.memory_growing(0, 2 << 20, Some(1 << 20)).unwrap());
        assert_eq!(limiter.refused(&limits()), None);
        assert_eq!(limiter.peak(), 0);
    }

    #[test]
    fn tables_are_counted_together_too() {
        let mut limiter = MemoryLimiter::new(&limits());
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert!(limiter.table_growing(0, 4, None).unwrap());
        assert!(!limiter.table_growing(4, 5, None).unwrap());
        assert_eq!(
            limiter.refused(&limits()),
            Some(Stop::over(&limits(), LimitName::TableElements))
        );
    }
}
