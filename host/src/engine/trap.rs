//! What the error at the end of a call means.

use super::call::CallFailure;
use super::limiter::MemoryLimiter;
use super::log::cut;
use super::stop::Stop;
use super::text::{REASON_BYTES, plain};
use crate::config::Limits;
use crate::domain::LimitName;
use wasmtime::WasmBacktrace;
use wasmtime::component::ResourceTableError;

/// Function names of a trap's text.
const FRAMES: usize = 8;
/// Bytes of one function name: they are the guest's to choose.
const NAME_BYTES: usize = 120;

/// Tell a limit from a bug of the guest.
///
/// A guest that is refused memory aborts in its own way, so any trap after a refusal counts as
/// the limit's. Some limits of wasmtime's have no error type and are known by their text; a test for
/// each fails should a new version word them differently.
pub(super) fn classify(
    error: &wasmtime::Error,
    memory: &MemoryLimiter,
    limits: &Limits,
    last_words: &str,
) -> CallFailure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return CallFailure::Stopped(stop.clone());
    }
    if let Some(stop) = memory.refused(limits) {
        return CallFailure::Stopped(stop);
    }
    let cause = error.root_cause().to_string();
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return CallFailure::Stopped(Stop::over(limits, LimitName::HostCallBytes));
    }
    if let Some(limit) = too_many(&cause) {
        return CallFailure::Stopped(Stop::over(limits, limit));
    }
    let table_full = matches!(
        error.downcast_ref::<ResourceTableError>(),
        Some(ResourceTableError::Full)
    );
    if table_full || cause.contains("store handle limit exceeded") {
        return CallFailure::Stopped(Stop::over(limits, LimitName::Handles));
    }
    CallFailure::Trapped(describe(error, &cause, last_words))
}

/// Things of a component that the limiter counts, and requests of WASI's that it bounds.
fn too_many(cause: &str) -> Option<LimitName> {
    let words = [
        ("instance count too high", LimitName::CoreInstances),
        ("table count too high", LimitName::Tables),
        ("memory count too high", LimitName::Memories),
        ("requested len", LimitName::RandomBytes),
    ];
    let found = words.into_iter().find(|(words, _)| cause.contains(words));
    found.map(|(_, limit)| limit)
}

/// The guest's own last words, the trap, and the functions it was in, on one line.
fn describe(error: &wasmtime::Error, cause: &str, last_words: &str) -> String {
    let mut text = last_words.replace(['\n', '\t'], " ");
    if !text.is_empty() {
        text.push_str(": ");
    }
    match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        Some(exit) => text.push_str(&format!("the component ended itself with code {}", exit.0)),
        None => text.push_str(cause),
    }
    let names: Vec<&str> = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames)
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(|name| cut(name, NAME_BYTES))
        .take(FRAMES)
        .collect();
    if !names.is_empty() {
        text.push_str(", in ");
        text.push_str(&names.join(", called by "));
    }
    plain(&text, REASON_BYTES)
}
