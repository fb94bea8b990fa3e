//! Everything a turn reads from outside its components, in one place: what a recording of it would hold.
//!
//! A call of the host's own capabilities goes through [`Scope::call`](super::dispatcher::Scope::call), which tells the
//! [`Recorder`] of it. A component's clocks and random bytes are WASI's; where a turn is given [`Sources`], they come from
//! there, and the recorder is told of each reading, too. With the same sources and the same answers of the host, a turn
//! goes the same way. Nothing is recorded yet; without sources nothing is looked at twice, and nothing costs anything.

use rand_core::{Infallible, TryRng};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Something a component was told from outside.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Which call of a component: the turn's id, or a tool call's key. The same for every attempt.
    pub call: String,
    /// Its place among all that this call was told, from 0. Calls of tools run beside each other, and each counts for itself.
    pub number: u64,
    /// What was asked: `interface.function`.
    pub name: &'static str,
    /// With what.
    pub request: Value,
    /// The answer; the text of what ended the call, where there was none.
    pub answer: Result<Value, String>,
}

/// Told of everything, as it happens.
pub trait Recorder: Send + Sync {
    /// One thing.
    fn told(&self, told: Told);
}

/// What time it is, for the components of a turn.
pub trait TurnClock: Send + Sync {
    /// Since 1970-01-01T00:00:00Z.
    fn wall(&self) -> Duration;

    /// Since any moment before the turn began; never goes back.
    fn monotonic(&self) -> Duration;
}

/// Random bytes, for the components of a turn.
pub trait TurnRandom: Send + Sync {
    /// Fill `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where a turn's components get the time and random bytes, and who is told of all they get.
#[derive(Clone)]
pub struct Sources {
    /// Clocks.
    pub clock: Arc<dyn TurnClock>,
    /// Random bytes.
    pub random: Arc<dyn TurnRandom>,
    /// Is told.
    pub recorder: Arc<dyn Recorder>,
}

/// The recorder of one call of one component. Cheap to clone; clones count together.
#[derive(Clone)]
pub(super) struct Tape(Option<Arc<Running>>);

struct Running {
    sources: Sources,
    call: String,
    next: AtomicU64,
}

impl Tape {
    /// Of the call with this id.
    pub(super) fn of(sources: Option<&Sources>, call: &str) -> Self {
        Self(sources.map(|sources| {
            Arc::new(Running {
                sources: sources.clone(),
                call: call.to_owned(),
                next: AtomicU64::new(0),
            })
        }))
    }

    /// What is asked, where anybody is told.
    pub(super) fn request<T: Serialize>(&self, request: &T) -> Option<Value> {
        self.0.as_ref().map(|_| value(request))
    }

    /// The answer to a request of [`Tape::request`].
    pub(super) fn answer<T: Serialize, E: ToString>(
        &self,
        name: &'static str,
        request: Option<Value>,
        answer: &Result<T, E>,
    ) {
        if let (Some(running), Some(request)) = (&self.0, request) {
            let answer = answer.as_ref().map(value).map_err(ToString::to_string);
            running.tell(name, request, answer);
        }
    }

    /// Give WASI the turn's clocks and random bytes.
    pub(super) fn connect(&self, wasi: &mut WasiCtxBuilder) {
        let Some(running) = &self.0 else {
            return;
        };
        let mut seed = [0; 16];
        running.sources.random.fill(&mut seed);
        let seed = u128::from_le_bytes(seed);
        running.tell(
            "random.insecure-seed",
            Value::Null,
            Ok(value(&format!("{seed:032x}"))),
        );
        wasi.wall_clock(Wall(Arc::clone(running)))
            .monotonic_clock(Monotonic(Arc::clone(running)))
            .secure_random(Bytes(Arc::clone(running), "random.bytes"))
            .insecure_random(Bytes(Arc::clone(running), "random.insecure-bytes"))
            .insecure_random_seed(seed);
    }
}

/// Domain values are JSON already; what is not would be a mistake of this program, and says so in the recording.
fn value<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_else(|error| Value::String(format!("no JSON: {error}")))
}

impl Running {
    fn tell(&self, name: &'static str, request: Value, answer: Result<Value, String>) {
        self.sources.recorder.told(Told {
            call: self.call.clone(),
            number: self.next.fetch_add(1, Ordering::SeqCst),
            name,
            request,
            answer,
        });
    }
}

struct Wall(Arc<Running>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let now = self.0.sources.clock.wall();
        self.0.tell("wall-clock.now", Value::Null, Ok(value(&now)));
        now
    }
}

struct Monotonic(Arc<Running>);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let now = self.0.sources.clock.monotonic().as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.0
            .tell("monotonic-clock.now", Value::Null, Ok(now.into()));
        now
    }
}

struct Bytes(Arc<Running>, &'static str);

impl Bytes {
    fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.sources.random.fill(bytes);
        let answer = Ok(Value::String(hex::encode(&bytes)));
        self.0.tell(self.1, bytes.len().into(), answer);
    }
}

impl TryRng for Bytes {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}
