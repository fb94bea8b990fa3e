//! The WebAssembly component host.
//!
//! A turn of an agent is one call of an **engine adapter**, and each tool it uses is one call of a
//! **skill**; both are components of tenants, and neither is trusted. The way of a component:
//!
//! 1. [`Compiler`] checks, describes and compiles it once, at upload, in a process of its own
//!    ([`compile_component`] is what that process does). The result is signed ([`ArtifactSigner`]).
//! 2. [`ComponentHost::load_engine`] and [`ComponentHost::load_skill`] verify the signature
//!    ([`ArtifactVerifier`]) and link it. Loaded components are cached by digest.
//! 3. [`ComponentHost::run_turn`] runs a turn. Every call, the engine's and each tool's, gets a fresh
//!    instance in a store of its own (`state`), and ends by an answer, a trap, or a limit: processor
//!    time (`meter`), wall clock and cancellation (`call`), memory and tables (`limiter`), and host
//!    calls (`dispatcher`). It leaves a [`Receipt`](crate::domain::Receipt).
//! 4. What the guest calls goes through `dispatcher` to `capabilities`, and from there to the turn's
//!    `session`: the bundle ([`TurnInput`]), what the turn has changed so far, and [`Lookups`] for
//!    the few things that are asked at once. There is no database here, and no name of a tenant.
//!    Requests to models are made by `models`, through [`egress`](crate::egress).
//! 5. [`TurnEnd`] has the [`Overlay`] to store with the turn's completion, or a [`TurnFailure`] that
//!    says what should happen next.
//!
//! Engines and tools have slots apart, so that a turn that waits for its tools can never keep them
//! from running.

mod artifact;
mod bindings;
mod cache;
mod call;
mod capabilities;
mod capacity;
mod compile;
mod compile_child;
mod compiler;
mod component;
mod description;
mod deserialize;
mod dispatcher;
mod history;
mod host;
mod http;
mod kv_overlay;
mod limiter;
mod log;
mod lookups;
mod meter;
mod models;
mod offers;
mod recorder;
mod redacted;
mod running;
mod runtime;
mod schema;
mod session;
mod size;
mod slots;
mod state;
mod stdio;
mod stop;
mod text;
mod tool_session;
mod tools;
mod trap;
mod turn;

pub use crate::domain::{Grants, Reply};
pub use artifact::{
    ArtifactSigner, ArtifactVerifier, CompiledCode, CompiledComponent, NotAKey, Platform, Seal,
    Untrusted, Verified,
};
pub use capacity::Capacity;
pub use compile::{CompileError, ComponentKind, Described, compile_component, inspect_component};
pub use compile_child::{FrameError, compile_child_main, parse_answer as parse_compiler_answer};
pub use compiler::Compiler;
pub use component::{EngineComponent, SkillComponent};
pub use description::{Description, NotADescription};
pub use host::{ComponentHost, LoadError};
pub use lookups::{LookupError, Lookups, NoLookups};
pub use models::{Credential, TurnModel};
pub use recorder::{Recorder, Sources, Told, TurnClock, TurnRandom};
pub use runtime::HostError;
pub use tool_session::ToolSession;
pub use turn::{Overlay, TurnEnd, TurnFailure, TurnInput, TurnSkill};
