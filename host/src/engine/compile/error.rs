use super::{ComponentKind, PACKAGE, VERSION};
use serde::{Deserialize, Serialize};

/// Why a component was not compiled: one sentence, for its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CompileError {
    /// Over `limits.component_bytes`.
    #[error("the component has {size} bytes, more than {limit} (component_bytes)")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// No bytes.
    #[error("the file is empty: bring a WebAssembly component, built for wasm32-wasip2")]
    Empty,
    /// The beginning of a component.
    #[error("the component is cut off after {0} bytes: bring the whole file")]
    CutOff(usize),
    /// Compiled code, as wasmtime or a linker writes it.
    #[error(
        "this is compiled code (.cwasm, or a native program), and none is taken from outside: bring the \
         component (.wasm) it was made of, it is compiled here"
    )]
    CompiledCode,
    /// WebAssembly, in words.
    #[error(
        "this is WebAssembly as text (.wat): make a binary of it with `wasm-tools parse`, and bring that"
    )]
    WebAssemblyText,
    /// A text; its first line.
    #[error(
        "this is a text ({0:?}), not a WebAssembly component: bring what your language's tools for components \
         make of it"
    )]
    Text(String),
    /// Both worlds at once.
    #[error(
        "the component exports both toolbox and adapter of {PACKAGE}: it is a skill or an engine, so bring two"
    )]
    BothKinds,
    /// The interface is offered in another version.
    #[error(
        "the component imports {import}, and this host offers version {offered} of it: build it against that"
    )]
    OtherVersion {
        /// The interface.
        import: String,
        /// What there is.
        offered: String,
    },
    /// WebAssembly, but a core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for wasm32-wasip2, or wrap \
         it with `wasm-tools component new`"
    )]
    CoreModule,
    /// No WebAssembly.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// The world's export is missing.
    #[error("the component lacks the export {missing}; it exports {exports}")]
    LacksExport {
        /// The interface.
        missing: String,
        /// What there is instead.
        exports: String,
    },
    /// The host has no such interface.
    #[error("the component imports {import}, which a {kind} cannot have; it may import {allowed}")]
    UnknownImport {
        /// The interface.
        import: String,
        /// The component's kind.
        kind: ComponentKind,
        /// What it may import.
        allowed: String,
    },
    /// An interface has the right name and another shape.
    #[error("the component does not fit the {kind} world of {PACKAGE}@{VERSION}: {why}")]
    Mismatch {
        /// The component's kind.
        kind: ComponentKind,
        /// In wasmtime's words.
        why: String,
    },
    /// It needs more than a call may have.
    #[error("the component cannot be instantiated: {0}")]
    DoesNotFit(String),
    /// Listing its tools failed.
    #[error("the component's tools could not be listed: {0}")]
    NoTools(String),
    /// A tool is described in a way that is not accepted.
    #[error("the tool {tool:?} is not accepted: {why}")]
    InvalidTool {
        /// Its name, as the component gave it.
        tool: String,
        /// What is wrong.
        why: String,
    },
    /// Took longer than `limits.compile_ms`.
    #[error("compiling took longer than {0} ms (compile_ms)")]
    TimedOut(u64),
    /// The process broke: mostly because of a component that needs too much memory to compile.
    #[error(
        "compiling broke off ({why}); the component may need more than {limit} bytes to compile \
         (compile_memory_bytes)"
    )]
    Crashed {
        /// How the process ended, and its last words.
        why: String,
        /// The limit.
        limit: u64,
    },
    /// The host's own fault, not the component's.
    #[error("the compiler could not be run: {0}")]
    Unavailable(String),
}
