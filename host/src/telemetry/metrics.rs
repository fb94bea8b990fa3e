use super::Tally;
use super::names::{self, ALL, Kind, Name};
use crate::domain::{Invocation, Receipt};
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets of durations, seconds: from a warm hydration to a turn of many minutes.
const BUCKETS: [f64; 16] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
    600.0,
];

/// Upper ends of the buckets of sizes, bytes: from one page of WebAssembly to what an address can name.
const BYTES: [f64; 9] = [
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// Samples that wait to be put into buckets, at most about: a scrape does it, and where nobody scrapes, recording does.
const SAMPLES_MAX: u64 = 4_096;

const METADATA: Metadata<'static> = Metadata::new("agent_factory", Level::INFO, None);

/// Words of this program: a label's name and its value.
type Word = (&'static str, &'static str);

/// The figures of one process, or of one factory of a test. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    samples: AtomicU64,
}

/// What one pool has to do.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Conversations by state.
    pub conversations: [(&'static str, u64); 4],
    /// Messages given up.
    pub dead_letters: u64,
    /// Conversations with replies on their way out.
    pub outbox_lanes: u64,
    /// Of the oldest head that is due.
    pub oldest_ready_age: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        // Refused for no buckets only; then durations are summaries.
        let bytes = Matcher::Suffix("_bytes".to_owned());
        let builder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .and_then(|builder| builder.set_buckets_for_metric(bytes, &BYTES));
        let recorder = builder
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        for name in ALL {
            let (key, unit, help) = (KeyName::from(name.name), Some(name.unit), name.help.into());
            match name.kind {
                Kind::Counter => recorder.describe_counter(key, unit, help),
                Kind::Gauge => recorder.describe_gauge(key, unit, help),
                Kind::Histogram => recorder.describe_histogram(key, unit, help),
            }
        }
        let metrics = Self(Arc::new(Inner {
            handle: recorder.handle(),
            recorder,
            samples: AtomicU64::new(0),
        }));
        metrics.set(
            names::BUILD_INFO,
            vec![Label::from_static_parts(
                "version",
                env!("CARGO_PKG_VERSION"),
            )],
            1.0,
        );
        metrics
    }

    /// All figures as Prometheus reads them (text format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        self.0.samples.store(0, Ordering::Relaxed);
        self.0.handle.render()
    }

    /// What a committed transaction did.
    pub fn tally(&self, tally: Tally) {
        let (name, words, count) = tally.figure();
        self.count(name, labels(words), count);
    }

    /// The database did not do its `step`: `begin`, `statement` or `commit`.
    pub fn database_error(&self, step: &'static str) {
        self.count(names::DATABASE_ERRORS, labels(&[("step", step)]), 1);
    }

    /// An operation for a worker.
    pub fn control(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let words = [("operation", operation), ("outcome", outcome)];
        self.observe(names::CONTROL, labels(&words), took);
    }

    /// A turn, from its claim to its settlement.
    pub fn turn(&self, outcome: &'static str, took: Duration) {
        self.observe(names::TURN, labels(&[("outcome", outcome)]), took);
    }

    /// A tool call.
    pub fn tool_call(&self, outcome: &'static str, took: Duration) {
        let words = [("outcome", outcome)];
        self.count(names::TOOL_CALLS, labels(&words), 1);
        self.observe(names::TOOL, labels(&words), took);
    }

    /// An invocation of an engine or a tool, or a request to a model. It is counted where it ran, whatever becomes of its
    /// turn.
    pub fn invocation(&self, receipt: &Receipt) {
        let kind = ("kind", receipt.invocation.word());
        let words = labels(&[kind, ("outcome", receipt.outcome.word())]);
        self.count(names::INVOCATIONS, words.clone(), 1);
        let took = Duration::from_micros(receipt.duration_us);
        self.observe(names::INVOCATION, words, took);
        if !matches!(receipt.invocation, Invocation::Model { .. }) {
            let cpu = Duration::from_micros(receipt.cpu_us);
            self.observe(names::INVOCATION_CPU, labels(&[kind]), cpu);
            let memory = float(receipt.memory_peak_bytes);
            self.record(names::INVOCATION_MEMORY, labels(&[kind]), memory);
        }
        let ended = receipt.ended_by.iter().map(|limit| (limit, "ended"));
        let refused = receipt.limits_met.iter().map(|limit| (limit, "refused"));
        for (exceeded, effect) in ended.chain(refused) {
            let words = [("limit", exceeded.limit.as_str()), ("effect", effect)];
            self.count(names::LIMITS, labels(&words), 1);
        }
    }

    /// What of the component host is taken.
    pub fn host(&self, taken: &[(&'static str, u64)]) {
        for (what, count) in taken {
            self.set(names::HOST, labels(&[("what", what)]), float(*count));
        }
    }

    /// Whether this process leads.
    pub fn leader(&self, leads: bool) {
        self.set(names::LEADER, Vec::new(), if leads { 1.0 } else { 0.0 });
    }

    /// A step of a singleton loop.
    pub fn tick(&self, singleton: &'static str, outcome: &'static str) {
        let words = [("loop", singleton), ("outcome", outcome)];
        self.count(names::TICKS, labels(&words), 1);
    }

    /// A request. `operation` is an operation id or the template of a route, never a path as it was sent.
    pub fn request(
        &self,
        method: &'static str,
        operation: &str,
        class: &'static str,
        took: Duration,
    ) {
        let operation = Label::new("operation", operation.to_owned());
        let mut words = labels(&[("method", method)]);
        words.push(operation);
        self.observe(names::HTTP, words.clone(), took);
        words.push(Label::from_static_parts("status", class));
        self.count(names::HTTP_REQUESTS, words, 1);
    }

    /// What a pool has to do. How many pools are told of is bounded by who asks.
    pub fn pool(&self, pool: &str, figures: &Pool) {
        let of = || vec![Label::new("pool", pool.to_owned())];
        for (state, count) in figures.conversations {
            let mut words = of();
            words.push(Label::from_static_parts("state", state));
            self.set(names::CONVERSATIONS, words, float(count));
        }
        self.set(names::DEAD_LETTERS, of(), float(figures.dead_letters));
        self.set(names::OUTBOX_LANES, of(), float(figures.outbox_lanes));
        self.set(
            names::OLDEST_READY,
            of(),
            figures.oldest_ready_age.as_secs_f64(),
        );
    }

    fn count(&self, name: Name, labels: Vec<Label>, count: u64) {
        let key = Key::from_parts(name.name, labels);
        self.0
            .recorder
            .register_counter(&key, &METADATA)
            .increment(count);
    }

    fn set(&self, name: Name, labels: Vec<Label>, value: f64) {
        let key = Key::from_parts(name.name, labels);
        self.0.recorder.register_gauge(&key, &METADATA).set(value);
    }

    fn observe(&self, name: Name, labels: Vec<Label>, took: Duration) {
        self.record(name, labels, took.as_secs_f64());
    }

    fn record(&self, name: Name, labels: Vec<Label>, value: f64) {
        let key = Key::from_parts(name.name, labels);
        let histogram = self.0.recorder.register_histogram(&key, &METADATA);
        histogram.record(value);
        if self.0.samples.fetch_add(1, Ordering::Relaxed) >= SAMPLES_MAX {
            self.0.samples.store(0, Ordering::Relaxed);
            self.0.handle.run_upkeep();
        }
    }
}

fn labels(words: &[Word]) -> Vec<Label> {
    let label = |(name, value): &Word| Label::from_static_parts(name, value);
    words.iter().map(label).collect()
}

/// Exact up to 2^32, and counts of rows do not come near.
fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_count_apart() {
        let (one, two) = (Metrics::new(), Metrics::new());
        one.tally(Tally::Claimed(3));
        assert!(
            one.render()
                .contains("agent_factory_messages_claimed_total 3")
        );
        assert!(
            !two.render()
                .contains("agent_factory_messages_claimed_total")
        );
    }

    #[test]
    fn every_name_follows_the_conventions() {
        for name in ALL {
            assert!(name.name.starts_with("agent_factory_"), "{}", name.name);
            let total = name.name.ends_with("_total");
            assert_eq!(total, name.kind == Kind::Counter, "{}", name.name);
            let seconds = name.name.ends_with("_seconds");
            assert_eq!(
                seconds,
                name.unit == metrics::Unit::Seconds,
                "{}",
                name.name
            );
        }
    }

    #[test]
    fn durations_are_in_buckets_also_where_nobody_scrapes() {
        let metrics = Metrics::new();
        let many = SAMPLES_MAX * 2 + 1;
        for _ in 0..many {
            metrics.turn("complete", Duration::from_millis(3));
        }
        let text = metrics.render();
        let count = format!("agent_factory_turn_seconds_count{{outcome=\"complete\"}} {many}");
        assert!(text.contains(&count), "{text}");
        assert!(
            text.contains("outcome=\"complete\",le=\"0.005\"}"),
            "{text}"
        );
    }
}
