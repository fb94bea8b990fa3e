//! How many calls the machine has room for.
//!
//! Every slot reserves address space for the largest permitted component, 4 GiB and more for each memory, and so does each memory
//! that is kept warm: with the defaults some 1.4 TiB, of the 128 TiB that a process of 64 bits usually has. Reserving takes no
//! memory. Where less is to be had (a small address space, a limit on it), there are fewer of both, and calls wait for slots.

use crate::config::Limits;

/// Address space that one memory reserves: what 32 bits reach, and a guard.
const MEMORY_RESERVATION: u64 = (4 << 30) + (32 << 20);

/// What a host has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Turns that run at once.
    pub engine_slots: u32,
    /// Tool calls that run at once.
    pub tool_slots: u32,
    /// Memories that are kept warm beside theirs.
    pub warm_memories: u32,
    /// Address space that is set aside for their memories, bytes, about.
    pub reserved_bytes: u64,
    /// Whether the kernel tells which pages a call touched (`PAGEMAP_SCAN`, Linux 6.7): without it, a fresh instance takes about
    /// three times as long.
    pub pagemap_scan: bool,
}

impl Capacity {
    /// What these limits ask for, where each component may have so many memories.
    pub(super) fn asked(limits: &Limits, memories: u32, pagemap_scan: bool) -> Self {
        Self {
            engine_slots: limits.engine_slots,
            tool_slots: limits.tool_slots,
            warm_memories: limits.warm_memories,
            reserved_bytes: 0,
            pagemap_scan,
        }
        .reserving(memories)
    }

    fn reserving(mut self, memories: u32) -> Self {
        let slots = u64::from(self.engine_slots).saturating_add(u64::from(self.tool_slots));
        self.reserved_bytes = slots
            .saturating_mul(u64::from(memories))
            .saturating_add(u64::from(self.warm_memories))
            .saturating_mul(MEMORY_RESERVATION);
        self
    }

    /// Half of the memories that are kept warm; where there are none left, half of the slots, at least one of each kind. None
    /// where that is what it is.
    fn halved(self, memories: u32) -> Option<Self> {
        let mut smaller = self;
        if self.warm_memories > 0 {
            smaller.warm_memories = self.warm_memories / 2;
        } else {
            smaller.engine_slots = (self.engine_slots / 2).max(1);
            smaller.tool_slots = (self.tool_slots / 2).max(1);
        }
        let smaller = smaller.reserving(memories);
        (smaller != self).then_some(smaller)
    }

    /// The most of `self` for which `make` succeeds, and what it made; else the last error, and what was tried.
    pub(super) fn fit<T, E>(
        self,
        memories: u32,
        mut make: impl FnMut(Self) -> Result<T, E>,
    ) -> Result<(T, Self), (E, Self)> {
        let mut capacity = self;
        loop {
            match make(capacity) {
                Ok(made) => return Ok((made, capacity)),
                Err(error) => match capacity.halved(memories) {
                    Some(smaller) => capacity = smaller,
                    None => return Err((error, capacity)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Capacity {
        Capacity::asked(&Limits::default(), 2, true)
    }

    /// A machine with this much address space, bytes.
    fn machine(bytes: u64) -> impl FnMut(Capacity) -> Result<u64, String> {
        move |capacity| match capacity.reserved_bytes {
            needed if needed <= bytes => Ok(needed),
            needed => Err(format!("no {needed} bytes")),
        }
    }

    #[test]
    fn what_fits_is_taken_as_it_was_asked_for() {
        let (made, capacity) = asked().fit(2, machine(asked().reserved_bytes)).unwrap();
        assert_eq!((made, capacity), (asked().reserved_bytes, asked()));
    }

    #[test]
    fn where_it_does_not_fit_less_is_kept_warm_and_then_there_are_fewer_slots() {
        let (_, capacity) = asked().fit(2, machine(asked().reserved_bytes - 1)).unwrap();
        let counts = |capacity: Capacity| {
            let Capacity {
                engine_slots,
                tool_slots,
                warm_memories,
                ..
            } = capacity;
            (engine_slots, tool_slots, warm_memories)
        };
        assert_eq!(counts(capacity), (16, 32, 128));
        let slots_alone = 2 * 48 * MEMORY_RESERVATION;
        let (_, capacity) = asked().fit(2, machine(slots_alone)).unwrap();
        assert_eq!(counts(capacity), (16, 32, 0));
        let (_, capacity) = asked().fit(2, machine(slots_alone - 1)).unwrap();
        assert_eq!(counts(capacity), (8, 16, 0));
        let (_, capacity) = asked().fit(2, machine(4 * MEMORY_RESERVATION)).unwrap();
        assert_eq!(counts(capacity), (1, 1, 0));
    }

    #[test]
    fn below_one_slot_of_each_kind_there_is_no_host() {
        let (error, capacity) = asked()
            .fit(2, machine(4 * MEMORY_RESERVATION - 1))
            .unwrap_err();
        assert_eq!((capacity.engine_slots, capacity.tool_slots), (1, 1));
        assert_eq!(error, format!("no {} bytes", 4 * MEMORY_RESERVATION));
    }

    #[test]
    fn the_defaults_reserve_less_than_a_fiftieth_of_the_usual_address_space() {
        assert!(
            asked().reserved_bytes < (128 << 40) / 50,
            "{}",
            asked().reserved_bytes
        );
    }
}
