//! `[limits]`: what one call of a component may take.

use super::bounds::{Quantity, whole};
use serde::{Deserialize, Serialize};

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("limits.engine_slots", 1, 1_024, "turns"),
    whole("limits.tool_slots", 1, 4_096, "tool calls"),
    whole("limits.memory_bytes", 64 << 10, 4 << 30, "bytes"),
    whole("limits.table_elements", 1, 10_000_000, "elements"),
    whole("limits.handles", 1, 1_000_000, "handles"),
    whole("limits.turn_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.turn_cpu_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.tool_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.tool_cpu_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.host_calls", 1, 10_000_000, "calls"),
    whole("limits.host_call_bytes", 1 << 10, 256 << 20, "bytes"),
    whole("limits.blob_bytes", 0, 256 << 20, "bytes"),
    whole("limits.tool_rounds", 1, 1_000, "batches"),
    whole("limits.tool_batch", 1, 1_000, "tools"),
    whole("limits.tool_argument_bytes", 2, 64 << 20, "bytes"),
    whole("limits.tool_output_bytes", 1, 64 << 20, "bytes"),
    whole("limits.append_messages", 1, 10_000, "messages"),
    whole("limits.append_bytes", 1, 256 << 20, "bytes"),
    whole("limits.reply_bytes", 1, 1 << 20, "bytes"),
    whole("limits.reply_file_bytes", 0, 64 << 20, "bytes"),
    whole("limits.log_lines", 0, 100_000, "lines"),
    whole("limits.log_line_bytes", 16, 1 << 20, "bytes"),
    whole("limits.log_bytes", 0, 64 << 20, "bytes"),
    whole("limits.kv_key_bytes", 1, 1_024, "bytes"),
    whole("limits.kv_value_bytes", 1, 16 << 20, "bytes"),
    whole("limits.kv_keys", 0, 1_000_000, "keys"),
    whole("limits.overlay_bytes", 0, 256 << 20, "bytes"),
    whole("limits.overlay_entries", 0, 1_000_000, "keys"),
    whole("limits.memory_append_bytes", 0, 16 << 20, "bytes"),
    whole("limits.memory_hits", 1, 1_000, "hits"),
    whole("limits.output_tokens", 1, 1_000_000, "tokens"),
    whole("limits.model_calls", 0, 10_000, "calls"),
    whole("limits.model_output_tokens", 1, 100_000_000, "tokens"),
    whole("limits.model_request_bytes", 2, 256 << 20, "bytes"),
    whole("limits.model_answer_bytes", 1, 1 << 30, "bytes"),
    whole("limits.model_event_bytes", 1, 64 << 20, "bytes"),
    whole("limits.http_calls", 0, 10_000, "requests"),
    whole("limits.http_request_bytes", 0, 256 << 20, "bytes"),
    whole("limits.http_response_bytes", 0, 1 << 30, "bytes"),
    whole("limits.component_bytes", 8, 1 << 30, "bytes"),
    whole("limits.component_cache_bytes", 0, 1 << 40, "bytes"),
    whole("limits.compile_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.compile_memory_bytes", 16 << 20, 64 << 30, "bytes"),
];

/// What one call of a component may take (`[limits]`). At a limit a call goes on. One beyond it, what
/// was asked is refused, or the call ends, with an error that names the limit and its value; where
/// a value says so, what is over it is cut or dropped instead. The slots, and the caches' bytes, make
/// nothing fail: calls wait for a slot, and what is not cached is loaded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Turns that run at once in one worker.
    pub engine_slots: u32,
    /// Tool calls that run at once in one worker, apart from the turns that wait for them.
    pub tool_slots: u32,
    /// Linear memory of one call, all memories of the component together, bytes.
    pub memory_bytes: u64,
    /// Elements of all tables of one call together.
    pub table_elements: u32,
    /// Resource handles of one call.
    pub handles: u32,
    /// Wall clock of one turn, tools and waiting included, milliseconds.
    pub turn_ms: u64,
    /// Processor time of the engine in one turn, milliseconds.
    pub turn_cpu_ms: u64,
    /// Wall clock of one tool call, milliseconds.
    pub tool_ms: u64,
    /// Processor time of one tool call, milliseconds.
    pub tool_cpu_ms: u64,
    /// Calls from one component call to the host's capabilities (WASI and the events of a model's answer are not
    /// counted).
    pub host_calls: u32,
    /// What one call to the host may copy out of the guest, bytes; a read of a blob copies no more
    /// into it.
    pub host_call_bytes: u64,
    /// Contents of the blobs that one call of a component made and still holds, bytes.
    pub blob_bytes: u64,
    /// Batches of tools in one turn.
    pub tool_rounds: u32,
    /// Tools in one batch.
    pub tool_batch: u32,
    /// Arguments of one tool call, bytes of JSON.
    pub tool_argument_bytes: u64,
    /// Output of one tool call, texts, files and JSON together, bytes.
    pub tool_output_bytes: u64,
    /// Messages one turn may append to the history.
    pub append_messages: u32,
    /// What one turn may append to the history, bytes.
    pub append_bytes: u64,
    /// The text of one reply with the names and media types of its files, bytes.
    pub reply_bytes: u64,
    /// Contents of the files of one reply, bytes.
    pub reply_file_bytes: u64,
    /// Lines in one receipt; those beyond are dropped and counted.
    pub log_lines: u32,
    /// One line in a receipt, bytes; a longer one is cut.
    pub log_line_bytes: u32,
    /// The lines in all receipts of one turn together, bytes; those beyond are dropped and counted.
    /// Every line counts for its text and 40 bytes.
    pub log_bytes: u64,
    /// One key, bytes.
    pub kv_key_bytes: u32,
    /// One value, bytes.
    pub kv_value_bytes: u64,
    /// Keys of one skill of one agent, in each scope (each conversation for itself).
    pub kv_keys: u32,
    /// Keys and values of the conversation's scope that one turn may write, bytes.
    pub overlay_bytes: u64,
    /// Keys of the conversation's scope that one turn may write or remove.
    pub overlay_entries: u32,
    /// What one turn may append to the agent's memory, bytes.
    pub memory_append_bytes: u64,
    /// Hits of one memory search; those beyond are not given.
    pub memory_hits: u32,
    /// The most tokens a model may answer with. A request that asks for more is refused.
    pub output_tokens: u32,
    /// Requests to models of one turn.
    pub model_calls: u32,
    /// Tokens of all answers of one turn together, as the vendors count them. Once they are spent, no
    /// further request is made.
    pub model_output_tokens: u64,
    /// One request to a model, bytes of JSON.
    pub model_request_bytes: u64,
    /// One answer of a model, bytes.
    pub model_answer_bytes: u64,
    /// One server-sent event of an answer, bytes.
    pub model_event_bytes: u64,
    /// Requests to the network of one tool call, those that are denied included.
    pub http_calls: u32,
    /// All requests of one tool call together: addresses, headers and bodies, bytes.
    pub http_request_bytes: u64,
    /// All responses of one tool call together: headers and bodies, bytes.
    pub http_response_bytes: u64,
    /// A component to be uploaded, bytes.
    pub component_bytes: u64,
    /// Compiled code of the components that one worker keeps loaded while no turn uses them, bytes.
    pub component_cache_bytes: u64,
    /// Wall clock of checking, describing and compiling one component, milliseconds.
    pub compile_ms: u64,
    /// Memory of the process that compiles one component, bytes.
    pub compile_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            engine_slots: 16,
            tool_slots: 32,
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            handles: 4_096,
            turn_ms: 120_000,
            turn_cpu_ms: 10_000,
            tool_ms: 30_000,
            tool_cpu_ms: 5_000,
            host_calls: 10_000,
            host_call_bytes: 4 << 20,
            blob_bytes: 8 << 20,
            tool_rounds: 16,
            tool_batch: 16,
            tool_argument_bytes: 256 << 10,
            tool_output_bytes: 1 << 20,
            append_messages: 200,
            append_bytes: 2 << 20,
            reply_bytes: 64 << 10,
            reply_file_bytes: 4 << 20,
            log_lines: 200,
            log_line_bytes: 4_096,
            log_bytes: 256 << 10,
            kv_key_bytes: 256,
            kv_value_bytes: 64 << 10,
            kv_keys: 1_000,
            overlay_bytes: 4 << 20,
            overlay_entries: 4_096,
            memory_append_bytes: 8 << 10,
            memory_hits: 20,
            output_tokens: 8_192,
            model_calls: 32,
            model_output_tokens: 65_536,
            model_request_bytes: 3 << 20,
            model_answer_bytes: 16 << 20,
            model_event_bytes: 1 << 20,
            http_calls: 64,
            http_request_bytes: 4 << 20,
            http_response_bytes: 8 << 20,
            component_bytes: 48 << 20,
            component_cache_bytes: 512 << 20,
            compile_ms: 300_000,
            compile_memory_bytes: 2 << 30,
        }
    }
}
