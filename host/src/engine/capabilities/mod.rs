//! What a guest may call, one file an interface.
//!
//! Each file has the calls as domain values ([`HostCall`](super::dispatcher::HostCall)) and the
//! thin translation from the guest's types to them.

mod blob;
mod http;
mod key_value;
mod logging;
mod memory;
mod model;
mod settings;
mod tool_call;
mod turn;

use super::bindings::v0_1::{self, EngineWorld};
use super::state::CallState;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Engine, StoreContextMut};

#[expect(unreachable_pub, reason = "generated code re-exports them")]
pub use {
    blob::Blob,
    model::{EndpointHandle, ExchangeHandle},
    tool_call::ToolCall,
    turn::TurnHandle,
};

pub(super) use blob::BlobBudget;
pub(super) use http::HttpHandles;

/// The packages of WASI that a component may import; they link, and what has no grant leads nowhere.
pub(super) const WASI: [&str; 7] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// What a skill may import.
pub(super) fn skill_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = wasi_linker(engine)?;
    v0_1::logging::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::config::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::key_value::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::memory::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::blobs::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::types::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    v0_1::tool_calls::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// What an engine adapter may import.
pub(super) fn engine_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = wasi_linker(engine)?;
    EngineWorld::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// All of WASI 0.2, whichever of its versions a component asks for.
fn wasi_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    // Theirs tells where in the host an error came from, where the process keeps backtraces.
    linker.allow_shadowing(true);
    linker
        .instance("wasi:io/error@0.2.12")?
        .func_wrap("[method]error.to-debug-string", to_debug_string)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// What went wrong in a stream, in one line.
fn to_debug_string(
    mut store: StoreContextMut<'_, CallState>,
    (error,): (Resource<wasmtime::Error>,),
) -> wasmtime::Result<(String,)> {
    let error = store.data_mut().table.get(&error)?;
    Ok((format!("{error:#}"),))
}

impl v0_1::types::Host for CallState {}
