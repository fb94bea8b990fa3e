//! How many bytes a worker's request may have, by what a turn may do.

use crate::config::Limits;

/// A byte of a text is at most six in JSON (`\u0001`), and a byte of a file less than two.
const JSON_BYTES_A_BYTE: u64 = 6;
/// What stands around one value: names, ids, punctuation.
const AROUND: u64 = 1 << 10;
/// What every request may have.
const BASE: u64 = 64 << 10;

/// The most bytes of a completion or a failure: all that one turn may append, reply, remember, write and log, as JSON.
#[must_use]
pub fn completion_bytes_max(limits: &Limits) -> usize {
    let content = [
        limits.append_bytes,
        // A reply's files come through one call to the host.
        limits.host_call_bytes,
        limits.overlay_bytes,
        limits.memory_append_bytes,
        limits.log_bytes,
    ];
    let calls = u64::from(limits.tool_rounds).saturating_mul(u64::from(limits.tool_batch));
    let values = u64::from(limits.append_messages)
        .saturating_add(u64::from(limits.overlay_entries))
        // A receipt each, with every limit there is.
        .saturating_add(calls.saturating_mul(3))
        .saturating_add(u64::from(limits.model_calls))
        .saturating_add(u64::from(limits.log_lines));
    let content = content.into_iter().fold(0, u64::saturating_add);
    bytes(
        content
            .saturating_mul(JSON_BYTES_A_BYTE)
            .saturating_add(values.saturating_mul(AROUND)),
    )
}

/// The most bytes of any other request: what one call of a guest to the host carries, and a heartbeat's leases.
#[must_use]
pub fn request_bytes_max(limits: &Limits) -> usize {
    let leases = u64::from(limits.engine_slots).saturating_mul(AROUND);
    let call = limits
        .kv_value_bytes
        .saturating_mul(2)
        .saturating_add(u64::from(limits.kv_key_bytes).saturating_mul(JSON_BYTES_A_BYTE));
    // The query of a search.
    let query = limits.tool_argument_bytes.saturating_mul(JSON_BYTES_A_BYTE);
    bytes(call.max(query).max(leases))
}

fn bytes(bound: u64) -> usize {
    usize::try_from(bound.saturating_add(BASE)).unwrap_or(usize::MAX)
}
