//! The one place that configures wasmtime.
//!
//! Whatever compiles a component and whatever runs one must agree on every setting that shapes
//! machine code, or artifacts would be refused; so there is one configuration, and the two engines that
//! are made of it differ in how memory is allocated only.

use super::capacity::Capacity;
use crate::config::Limits;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash as _, Hasher};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a running guest lets others run, and is checked against its budget.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Memory of a slot that stays resident between calls; more bought nothing when measured.
const KEEP_RESIDENT: usize = 1 << 20;

/// The runtime could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The machine or the limits do not allow it.
    #[error("could not set up the WebAssembly runtime: {0}")]
    Runtime(String),
    /// The machine has no room for a single call.
    #[error(
        "this machine gives no address space for a single turn and tool call ({reserved_bytes} bytes are reserved for them, and \
         not used): lift the limit on the process's address space (ulimit -v), or run on a machine of 64 bits; {why}"
    )]
    AddressSpace {
        /// What was asked for.
        reserved_bytes: u64,
        /// In the system's words.
        why: String,
    },
    /// No thread for the clock.
    #[error("could not start the runtime's clock thread")]
    Thread(#[source] std::io::Error),
}

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Runtime(format!("{error:#}"))
    }
}

/// An engine that compiles, its clock running for as long as the engine lives.
pub(super) fn compiling_engine() -> Result<Engine, HostError> {
    let engine = Engine::new(&config()?)?;
    start_clock(&engine)?;
    Ok(engine)
}

/// An engine that runs calls, as many as the limits ask for or the machine has room for, and how many that is. Its clock runs for as
/// long as the engine lives.
pub(super) fn running_engine(limits: &Limits) -> Result<(Engine, Capacity), HostError> {
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let asked = Capacity::asked(limits, limits.memories, scan);
    let fitted = asked.fit(limits.memories, |capacity| {
        let mut config = config()?;
        let pool = pool(limits, capacity)?;
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Engine::new(&config).map_err(HostError::from)
    });
    let (engine, capacity) = fitted.map_err(|(error, capacity)| HostError::AddressSpace {
        reserved_bytes: capacity.reserved_bytes,
        why: error.to_string(),
    })?;
    start_clock(&engine)?;
    Ok((engine, capacity))
}

/// The target that artifacts are compiled for: the baseline of the architecture, so that an
/// artifact made on one machine runs on all. None: this host's own.
pub(super) const fn pinned_target() -> Option<&'static str> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        Some("x86_64-unknown-linux-gnu")
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
        Some("aarch64-unknown-linux-gnu")
    } else {
        None
    }
}

/// The target's name, as artifacts carry it.
pub(super) fn target_name() -> String {
    pinned_target().map_or_else(
        || format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        ToOwned::to_owned,
    )
}

/// Grows when what is signed with compiled code does: workers of before have artifacts of their own then.
const SEAL_VERSION: u32 = 2;

/// A digest of every setting that shapes compiled code, of wasmtime's own version, and of what is signed with the code:
/// artifacts of another compatibility are refused.
pub(super) fn compatibility(engine: &Engine) -> String {
    struct Hash256(Sha256);
    impl Hasher for Hash256 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Hash256(Sha256::new());
    SEAL_VERSION.hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex::encode(hasher.0.finalize())
}

/// Every setting that shapes code: whatever compiles and whatever runs has these.
fn config() -> Result<Config, HostError> {
    let mut config = Config::new();
    if let Some(target) = pinned_target() {
        config.target(target)?;
    }
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .strategy(wasmtime::Strategy::Cranelift)
        .epoch_interruption(true)
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    Ok(config)
}

/// A pool with room for the largest permitted component in every slot: once a call has its slot,
/// the pool cannot be exhausted.
fn pool(limits: &Limits, capacity: Capacity) -> Result<PoolingAllocationConfig, HostError> {
    let too_large = |name: &str| HostError::Runtime(format!("limits.{name} is too large"));
    let slots = capacity
        .engine_slots
        .checked_add(capacity.tool_slots)
        .filter(|slots| *slots <= 4_096)
        .ok_or_else(|| too_large("engine_slots + limits.tool_slots"))?;
    let memory = usize::try_from(limits.memory_bytes).map_err(|_| too_large("memory_bytes"))?;
    let elements =
        usize::try_from(limits.table_elements).map_err(|_| too_large("table_elements"))?;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(limits.core_instances))
        .total_memories(
            slots
                .saturating_mul(limits.memories)
                .saturating_add(capacity.warm_memories),
        )
        .max_unused_warm_slots(limits.warm_memories)
        .total_tables(slots.saturating_mul(limits.tables))
        .total_stacks(slots)
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(limits.memories)
        .max_memories_per_module(limits.memories)
        .max_tables_per_component(limits.tables)
        .max_tables_per_module(limits.tables)
        .max_memory_size(memory)
        .table_elements(elements);
    // Linux since 6.7, where nothing forbids it. Without the scan, memory that stays resident has to
    // be cleared by hand, which is slower than giving it back.
    if capacity.pagemap_scan {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .table_keep_resident(64 << 10);
    }
    Ok(pool)
}

/// Advance the epoch every [`TICK`] until the engine is gone. A thread of its own, since the guests
/// it interrupts may keep every thread of the async runtime busy.
fn start_clock(engine: &Engine) -> Result<JoinHandle<()>, HostError> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("wasm-clock".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::park_timeout(TICK);
            }
        })
        .map_err(HostError::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compiles_and_what_runs_agree_on_the_code() {
        let limits = Limits::default();
        let (run, capacity) = running_engine(&limits).unwrap();
        assert_eq!((capacity.engine_slots, capacity.tool_slots), (16, 32));
        let compile = compiling_engine().unwrap();
        assert_eq!(compatibility(&run), compatibility(&compile));
        let smaller = Limits {
            memory_bytes: 1 << 20,
            engine_slots: 1,
            ..limits
        };
        let (other, _) = running_engine(&smaller).unwrap();
        assert_eq!(
            compatibility(&run),
            compatibility(&other),
            "limits do not shape code"
        );
    }

    #[test]
    fn the_clock_stops_with_its_engine() {
        let engine = Engine::new(&config().unwrap()).unwrap();
        let clock = start_clock(&engine).unwrap();
        drop(engine);
        clock.join().unwrap();
    }
}
