//! `[limits]`: what one call of a component may take.

use super::bounds::{Quantity, whole};
use crate::domain::{LimitName, LimitSet};
use serde::{Deserialize, Serialize};

/// What bounds one call or one turn, as [`LimitName`] has it.
pub(super) const OF_A_CALL: &[Quantity] = &of_a_call();

/// What bounds a whole worker.
pub(super) const OF_A_WORKER: &[Quantity] = &[
    whole("limits.engine_slots", 1, 1_024, "turns"),
    whole("limits.tool_slots", 1, 4_096, "tool calls"),
    whole("limits.tenant_engine_slots", 1, 1_024, "turns"),
    whole("limits.tenant_tool_slots", 1, 4_096, "tool calls"),
    whole("limits.warm_memories", 0, 4_096, "memories"),
    whole("limits.component_bytes", 8, 1 << 30, "bytes"),
    whole("limits.component_cache_bytes", 0, 1 << 40, "bytes"),
    whole("limits.compile_ms", 1, 3_600_000, "milliseconds"),
    whole("limits.compile_memory_bytes", 16 << 20, 64 << 30, "bytes"),
];

const fn of_a_call() -> [Quantity; LimitName::ALL.len()] {
    let mut table = [whole("", 0, 0, ""); LimitName::ALL.len()];
    let (mut names, mut rest) = (LimitName::ALL, table.as_mut_slice());
    while let ([name, other_names @ ..], [place, other_places @ ..]) = (names, rest) {
        let (min, max) = name.bounds();
        *place = whole(name.key(), min, max, name.unit());
        (names, rest) = (other_names, other_places);
    }
    table
}

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
    /// Of the turns that run at once, the most of one tenant; the others wait, and tenants take turns. No more than
    /// `engine_slots`.
    pub tenant_engine_slots: u32,
    /// Of the tool calls that run at once, the most of one tenant, likewise. What is left of `tool_slots` is free for others,
    /// whatever one tenant's tools do.
    pub tenant_tool_slots: u32,
    /// Memories kept as they were for components that ran before: one whose memory is still there begins in half the time. Each
    /// reserves some 4 GiB of address space and holds on to what its component wrote, 1 MiB at most, for as long as the worker
    /// runs: all of them together as many MiB. They are spread over the machine's processors, each of which looks at its own
    /// first. Where calls had more at once, so many are kept.
    pub warm_memories: u32,
    /// Linear memory of one call, all memories of the component together, bytes.
    pub memory_bytes: u64,
    /// Elements of all tables of one call together.
    pub table_elements: u32,
    /// Core instances of one component: language runtimes split themselves into dozens.
    pub core_instances: u32,
    /// Tables of one component.
    pub tables: u32,
    /// Linear memories of one component, each of which reserves some 4 GiB of address space in every slot.
    pub memories: u32,
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
    /// Random bytes that a component may ask for at once.
    pub random_bytes: u64,
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
            tenant_engine_slots: 16,
            tenant_tool_slots: 24,
            warm_memories: 256,
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            core_instances: 64,
            tables: 8,
            memories: 2,
            handles: 4_096,
            turn_ms: 120_000,
            turn_cpu_ms: 10_000,
            tool_ms: 30_000,
            tool_cpu_ms: 5_000,
            host_calls: 10_000,
            host_call_bytes: 4 << 20,
            random_bytes: 64 << 10,
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

impl Limits {
    /// The value of a limit.
    #[must_use]
    pub fn get(&self, limit: LimitName) -> u64 {
        match limit {
            LimitName::MemoryBytes => self.memory_bytes,
            LimitName::TableElements => u64::from(self.table_elements),
            LimitName::CoreInstances => u64::from(self.core_instances),
            LimitName::Tables => u64::from(self.tables),
            LimitName::Memories => u64::from(self.memories),
            LimitName::Handles => u64::from(self.handles),
            LimitName::TurnMs => self.turn_ms,
            LimitName::TurnCpuMs => self.turn_cpu_ms,
            LimitName::ToolMs => self.tool_ms,
            LimitName::ToolCpuMs => self.tool_cpu_ms,
            LimitName::HostCalls => u64::from(self.host_calls),
            LimitName::HostCallBytes => self.host_call_bytes,
            LimitName::RandomBytes => self.random_bytes,
            LimitName::BlobBytes => self.blob_bytes,
            LimitName::ToolRounds => u64::from(self.tool_rounds),
            LimitName::ToolBatch => u64::from(self.tool_batch),
            LimitName::ToolArgumentBytes => self.tool_argument_bytes,
            LimitName::ToolOutputBytes => self.tool_output_bytes,
            LimitName::AppendMessages => u64::from(self.append_messages),
            LimitName::AppendBytes => self.append_bytes,
            LimitName::ReplyBytes => self.reply_bytes,
            LimitName::ReplyFileBytes => self.reply_file_bytes,
            LimitName::LogLines => u64::from(self.log_lines),
            LimitName::LogLineBytes => u64::from(self.log_line_bytes),
            LimitName::LogBytes => self.log_bytes,
            LimitName::KvKeyBytes => u64::from(self.kv_key_bytes),
            LimitName::KvValueBytes => self.kv_value_bytes,
            LimitName::KvKeys => u64::from(self.kv_keys),
            LimitName::OverlayBytes => self.overlay_bytes,
            LimitName::OverlayEntries => u64::from(self.overlay_entries),
            LimitName::MemoryAppendBytes => self.memory_append_bytes,
            LimitName::MemoryHits => u64::from(self.memory_hits),
            LimitName::OutputTokens => u64::from(self.output_tokens),
            LimitName::ModelCalls => u64::from(self.model_calls),
            LimitName::ModelOutputTokens => self.model_output_tokens,
            LimitName::ModelRequestBytes => self.model_request_bytes,
            LimitName::ModelAnswerBytes => self.model_answer_bytes,
            LimitName::ModelEventBytes => self.model_event_bytes,
            LimitName::HttpCalls => u64::from(self.http_calls),
            LimitName::HttpRequestBytes => self.http_request_bytes,
            LimitName::HttpResponseBytes => self.http_response_bytes,
        }
    }

    /// These, each no higher than what `asked` has for it: what one turn or call is held to. Never more than these: they are
    /// what the operator allows, and what memory was set aside for.
    #[must_use]
    pub fn within(&self, asked: &LimitSet) -> Self {
        let mut effective = self.clone();
        for (limit, value) in asked.iter() {
            effective.lower(limit, value);
        }
        effective
    }

    fn lower(&mut self, limit: LimitName, value: u64) {
        match limit {
            LimitName::MemoryBytes => self.memory_bytes = self.memory_bytes.min(value),
            LimitName::TurnMs => self.turn_ms = self.turn_ms.min(value),
            LimitName::TurnCpuMs => self.turn_cpu_ms = self.turn_cpu_ms.min(value),
            LimitName::ToolMs => self.tool_ms = self.tool_ms.min(value),
            LimitName::ToolCpuMs => self.tool_cpu_ms = self.tool_cpu_ms.min(value),
            LimitName::HostCalls => {
                self.host_calls = self
                    .host_calls
                    .min(u32::try_from(value).unwrap_or(u32::MAX));
            }
            LimitName::BlobBytes => self.blob_bytes = self.blob_bytes.min(value),
            LimitName::ToolRounds => {
                self.tool_rounds = self
                    .tool_rounds
                    .min(u32::try_from(value).unwrap_or(u32::MAX));
            }
            LimitName::ToolOutputBytes => {
                self.tool_output_bytes = self.tool_output_bytes.min(value);
            }
            LimitName::LogLines => {
                self.log_lines = self.log_lines.min(u32::try_from(value).unwrap_or(u32::MAX));
            }
            LimitName::LogBytes => self.log_bytes = self.log_bytes.min(value),
            LimitName::KvValueBytes => self.kv_value_bytes = self.kv_value_bytes.min(value),
            LimitName::OverlayBytes => self.overlay_bytes = self.overlay_bytes.min(value),
            LimitName::ModelCalls => {
                self.model_calls = self
                    .model_calls
                    .min(u32::try_from(value).unwrap_or(u32::MAX));
            }
            LimitName::ModelOutputTokens => {
                self.model_output_tokens = self.model_output_tokens.min(value);
            }
            LimitName::HttpCalls => {
                self.http_calls = self
                    .http_calls
                    .min(u32::try_from(value).unwrap_or(u32::MAX));
            }
            LimitName::HttpRequestBytes => {
                self.http_request_bytes = self.http_request_bytes.min(value);
            }
            LimitName::HttpResponseBytes => {
                self.http_response_bytes = self.http_response_bytes.min(value);
            }
            // Nobody but the operator sets the others; one that was stored by another version is not looked at.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reach;
    use std::collections::BTreeMap;

    fn asked(limit: LimitName, value: u64) -> LimitSet {
        let values = BTreeMap::from([(limit.to_string(), value)]);
        LimitSet::parse(&values, Reach::Turn).unwrap()
    }

    #[test]
    fn what_is_asked_for_counts_up_to_what_the_operator_allows_for_every_limit_that_can_be_asked_for()
     {
        let settable = |limit: &&LimitName| limit.settable(Reach::Turn);
        for limit in LimitName::ALL.iter().filter(settable) {
            let allowed = Limits::default();
            let (most, (lowest, highest)) = (allowed.get(*limit), limit.bounds());
            assert_eq!(allowed.within(&asked(*limit, lowest)).get(*limit), lowest);
            assert_eq!(allowed.within(&asked(*limit, most)), allowed);
            assert_eq!(allowed.within(&asked(*limit, highest)), allowed, "{limit}");
        }
    }
}
