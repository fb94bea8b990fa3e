//! The compiler as a process of its own, seen from the inside.

use super::artifact::CompiledCode;
use super::compile::{CompileError, ComponentKind, Described, compile_component};
use super::description::Description;
use crate::config::Limits;
use crate::domain::{Digest, Tool};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

/// Address space that one linear memory reserves: 4 GiB and its guards.
const MEMORY_RESERVATION: u64 = 5 << 30;
/// Files the process may have open at once: three pipes, and images of memories.
const FILES: u64 = 64;
/// The description of a component, bytes of JSON.
const HEADER_BYTES: u64 = 16 << 20;
/// How much larger than a component its code may be; 3 was measured.
const CODE_FACTOR: u64 = 16;

/// What the process answers: this as JSON, its length before it, the code after it.
#[derive(Serialize, Deserialize)]
enum Header {
    Described {
        tools: Vec<Tool>,
        component: Digest,
        compatibility: String,
        target: String,
        code_bytes: u64,
    },
    Failed(CompileError),
}

/// An answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an answer of the compiler's process")]
pub struct FrameError;

/// What the `compile-component` subcommand does: give away what the process does not need, read a
/// component from standard input, and write what became of it to standard output.
///
/// Must be called before anything else of the program runs: no other thread, no open file, no
/// secret. The limits are set first, so that everything after them is under them.
#[must_use]
pub fn compile_child_main(kind: ComponentKind, limits: &Limits) -> ExitCode {
    let answer = confine(limits)
        .and_then(|()| read_component(limits))
        .and_then(|bytes| compile_component(kind, &bytes, limits));
    let written = write_answer(answer);
    if written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The limits of this process.
///
/// Memory is bounded by what is writable (`RLIMIT_DATA`), since a linear memory reserves gigabytes
/// of address space that it never uses; the address space is bounded by the same and those
/// reservations.
fn confine(limits: &Limits) -> Result<(), CompileError> {
    let memory = limits.compile_memory_bytes;
    let reserved = MEMORY_RESERVATION.saturating_mul(u64::from(limits.memories));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let seconds = limits.compile_ms.div_ceil(1_000).saturating_mul(threads);
    for (resource, most) in [
        (Resource::Data, memory),
        (Resource::As, memory.saturating_add(reserved)),
        (Resource::Cpu, seconds.saturating_add(1)),
        (Resource::Core, 0),
        (Resource::Nofile, FILES),
        // Images of memories are files in memory; there is no other file.
        (Resource::Fsize, limits.memory_bytes),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| {
            CompileError::Unavailable(format!("could not limit {resource:?} to {most}: {error}"))
        })?;
    }
    Ok(())
}

fn read_component(limits: &Limits) -> Result<Vec<u8>, CompileError> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(limits.component_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| CompileError::Unavailable(format!("no component: {error}")))?;
    Ok(bytes)
}

fn write_answer(answer: Result<Described, CompileError>) -> std::io::Result<()> {
    let (header, code) = match answer {
        Ok(Described { tools, code }) => (
            Header::Described {
                tools,
                component: code.component,
                compatibility: code.compatibility,
                target: code.target,
                code_bytes: u64::try_from(code.bytes.len()).unwrap_or(u64::MAX),
            },
            code.bytes,
        ),
        Err(error) => (Header::Failed(error), Vec::new()),
    };
    let header = serde_json::to_vec(&header)?;
    let length = u64::try_from(header.len()).unwrap_or(u64::MAX);
    let mut out = std::io::stdout().lock();
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&header)?;
    out.write_all(&code)?;
    out.flush()
}

/// The largest answer that is read.
pub(super) const fn answer_bytes(limits: &Limits) -> u64 {
    limits
        .component_bytes
        .saturating_mul(CODE_FACTOR)
        .saturating_add(2 * HEADER_BYTES)
}

/// Read an answer back. It may be anything: a component may have taken its compiler over.
///
/// # Errors
/// Where it is none.
pub fn parse_answer(
    kind: ComponentKind,
    answer: &[u8],
) -> Result<Result<Described, CompileError>, FrameError> {
    let (length, rest) = answer.split_first_chunk::<8>().ok_or(FrameError)?;
    let length = u64::from_be_bytes(*length);
    if length > HEADER_BYTES {
        return Err(FrameError);
    }
    let length = usize::try_from(length).map_err(|_| FrameError)?;
    let (header, code) = rest.split_at_checked(length).ok_or(FrameError)?;
    match serde_json::from_slice(header).map_err(|_| FrameError)? {
        Header::Failed(error) => Ok(Err(error)),
        Header::Described {
            tools,
            component,
            compatibility,
            target,
            code_bytes,
        } => {
            if u64::try_from(code.len()) != Ok(code_bytes) {
                return Err(FrameError);
            }
            let code = CompiledCode {
                component,
                compatibility,
                target,
                description: Description::of(kind, &tools),
                bytes: code.to_vec(),
            };
            Ok(Ok(Described { tools, code }))
        }
    }
}
