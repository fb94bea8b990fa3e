//! Tools that flood, lie and look at the clock.

use crate::bindings::agent_factory::guest::blobs::Blob;
use crate::bindings::agent_factory::guest::key_value::{self, Scope};
use crate::bindings::agent_factory::guest::logging;
use crate::bindings::agent_factory::guest::types::{ToolError, ToolOutput};
use crate::text;
use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasip2::clocks::monotonic_clock;
use wasip2::random::{insecure, insecure_seed, random};

/// Every tool here, and what it does.
pub(crate) const TOOLS: [(&str, &str); 6] = [
    ("pollables", "Keeps `n` pollables, and waits for the first."),
    (
        "blobs",
        "Makes `n` blobs of a million bytes, and holds them.",
    ),
    ("random", "Asks for `n` random bytes at once."),
    ("no_utf8", "Logs a string that is none."),
    ("abort", "Aborts."),
    (
        "read_sources",
        "Answers with the time and random bytes it sees.",
    ),
];

/// Call the tool of this name.
pub(crate) fn call(tool: &str, n: usize) -> Result<ToolOutput, ToolError> {
    match tool {
        "pollables" => {
            let kept: Vec<_> = (0..n)
                .map(|_| monotonic_clock::subscribe_duration(u64::MAX / 2))
                .collect();
            Ok(text(&format!("{} pollables", black_box(kept).len())))
        }
        "blobs" => {
            let million = vec![1; 1_000_000];
            let held: Vec<Blob> = (0..n).map(|_| Blob::new(&million)).collect();
            Ok(text(&format!("{} blobs", black_box(held).len())))
        }
        "random" => {
            let bytes = random::get_random_bytes(n as u64);
            Ok(text(&format!("{} random bytes", bytes.len())))
        }
        "no_utf8" => {
            logging::log(logging::Level::Info, &no_utf8());
            Ok(text("logged"))
        }
        "abort" => std::process::abort(),
        "read_sources" => Ok(text(&read_sources())),
        other => Err(ToolError::Failed(format!("there is no tool {other}"))),
    }
}

#[expect(unsafe_code, reason = "no other way makes a string that is none")]
fn no_utf8() -> String {
    // Not sound, and that is what it is for: only the host ever looks at it.
    unsafe { String::from_utf8_unchecked(vec![b'a', 0xff, 0xfe]) }
}

fn read_sources() -> String {
    let set = key_value::set(Scope::Conversation, "told", b"1", None).is_ok();
    let got = key_value::get(Scope::Conversation, "told").is_ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs());
    let hex = |bytes: Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let secure = hex(random::get_random_bytes(16));
    let insecure = hex(insecure::get_insecure_random_bytes(16));
    let (low, high) = insecure_seed::insecure_seed();
    let monotonic = monotonic_clock::now();
    format!("{seconds} {monotonic} {secure} {insecure} {low:x} {high:x} {set} {got}")
}

/// Runs when the component is instantiated, before any of its functions is called.
#[cfg(target_arch = "wasm32")]
#[expect(
    unsafe_code,
    reason = "a section of its own is how a start function is named"
)]
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

/// Spins once the clock says that the year 3000 is over.
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "a component's")
)]
extern "C" fn start() {
    const YEAR_3000: Duration = Duration::from_secs(32_503_680_000);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    while now.as_ref().is_ok_and(|now| *now > YEAR_3000) {
        black_box(());
    }
}
