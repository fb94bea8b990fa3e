//! Every figure there is.

use metrics::Unit;

/// What a figure does from one scrape to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Is what it is.
    Gauge,
    /// Durations, or sizes, in buckets.
    Histogram,
}

/// One figure: its name, by the conventions of Prometheus, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// `agent_factory_..._total` of a counter, `..._seconds` of durations.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// In a sentence, with its labels.
    pub help: &'static str,
}

macro_rules! names {
    ($($constant:ident: $kind:ident, $unit:ident, $name:literal, $help:literal;)+) => {
        $(pub(super) const $constant: Name = Name {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: $help,
        };)+

        /// All of them.
        pub const ALL: &[Name] = &[$($constant),+];
    };
}

names! {
    BUILD_INFO: Gauge, Count, "agent_factory_build_info", "1, by version.";
    ENQUEUED: Counter, Count, "agent_factory_messages_enqueued_total", "Messages accepted, by outcome: new, or a repeat that changed nothing.";
    CLAIMED: Counter, Count, "agent_factory_messages_claimed_total", "Messages given to a worker.";
    SETTLED: Counter, Count, "agent_factory_messages_settled_total", "Turns that ended, by what became of the message.";
    PROMOTED: Counter, Count, "agent_factory_conversations_promoted_total", "Conversations whose head fell due.";
    EXPIRED: Counter, Count, "agent_factory_leases_expired_total", "Leases of turns that ended without a word of their worker.";
    DELIVERIES: Counter, Count, "agent_factory_deliveries_total", "Replies that were tried to deliver, by outcome.";
    PRUNED: Counter, Count, "agent_factory_pruned_rows_total", "Rows that maintenance cleared away, by kind.";
    CONVERSATIONS: Gauge, Count, "agent_factory_conversations", "Conversations with something to do, by pool and state. The same in every control plane of a database.";
    DEAD_LETTERS: Gauge, Count, "agent_factory_dead_letters", "Messages given up, by pool.";
    OUTBOX_LANES: Gauge, Count, "agent_factory_outbox_lanes", "Conversations with replies on their way out, by pool.";
    OLDEST_READY: Gauge, Seconds, "agent_factory_oldest_ready_age_seconds", "How long the oldest head that is due has been waiting, by pool.";
    CONTROL: Histogram, Seconds, "agent_factory_control_seconds", "An operation for a worker, by operation and outcome; a claim without its wait for work.";
    TURN: Histogram, Seconds, "agent_factory_turn_seconds", "A turn from its claim to its settlement, by outcome.";
    TOOL_CALLS: Counter, Count, "agent_factory_tool_calls_total", "Tool calls, by outcome.";
    TOOL: Histogram, Seconds, "agent_factory_tool_call_seconds", "A tool call, by outcome.";
    COMPONENTS: Gauge, Count, "agent_factory_components", "Components that agents have, by state for this version: compiled, failed, or remaining. The same in every control plane of a version.";
    COMPONENT: Histogram, Seconds, "agent_factory_component_compile_seconds", "A component that was compiled again for this version, by outcome.";
    INVOCATIONS: Counter, Count, "agent_factory_invocations_total", "Invocations of engines and tools, and requests to models, by kind and outcome.";
    INVOCATION: Histogram, Seconds, "agent_factory_invocation_seconds", "Wall clock of an invocation, by kind and outcome.";
    INVOCATION_CPU: Histogram, Seconds, "agent_factory_invocation_cpu_seconds", "Time on a processor of an engine's or a tool's invocation, by kind.";
    INVOCATION_MEMORY: Histogram, Bytes, "agent_factory_invocation_memory_peak_bytes", "The most linear memory an engine's or a tool's invocation held, by kind.";
    LIMITS: Counter, Count, "agent_factory_limits_exceeded_total", "Times that a component was over a limit, by limit and effect: it ended the call, or was refused what it asked for.";
    HOST: Gauge, Count, "agent_factory_component_host", "What of a worker's component host is taken, by what: slots, calls that wait for one, and what the pool of instances holds. Read as turns begin and end.";
    LEADER: Gauge, Count, "agent_factory_leader", "1 where this process leads the singleton loops.";
    TICKS: Counter, Count, "agent_factory_singleton_ticks_total", "Steps of singleton loops, by loop and outcome.";
    HTTP_REQUESTS: Counter, Count, "agent_factory_http_requests_total", "Requests answered, by method, operation and class of status.";
    HTTP: Histogram, Seconds, "agent_factory_http_request_seconds", "A request, by method and operation.";
    DATABASE_ERRORS: Counter, Count, "agent_factory_database_errors_total", "What the database did not do, by step: begin, statement, commit.";
}
