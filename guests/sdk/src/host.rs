//! Where a call into the host goes: to the imports of the component, or to the fakes of a test.
//!
//! A call into an import outside of WebAssembly would abort the process. The fakes have the shape
//! of the generated bindings, so that everything above this file is the same code in both.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::{
    blobs::agent_factory::guest::blobs::Blob,
    engine::agent_factory::guest::{model, turns::Turn},
    skill::agent_factory::guest::{config, key_value, logging, memory, tool_calls::ToolCall},
};
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::http::wasi as http;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{
    FakeTurn as Turn,
    fakes::{Blob, ToolCall, config, key_value, logging, memory},
    http,
    model::interface as model,
};
