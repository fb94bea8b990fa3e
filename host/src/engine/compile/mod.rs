//! Checking, describing and compiling one component.
//!
//! This works on bytes that nobody has checked, with a compiler that may be made to take all the
//! time and memory there is, and it runs the component once to ask for its tools. So it is done in a
//! process of its own: see [`Compiler`](super::Compiler). `check` tells what can be told without running it, and
//! `tools` what is accepted of what it says.

mod check;
mod error;
mod scan;
mod tools;

pub use error::CompileError;

use super::Grants;
use super::artifact::CompiledCode;
use super::bindings::v0_1::{EnginePre, SkillPre};
use super::call::{self, Budget, CallFailure, Instantiate, ListTools, Work};
use super::capabilities::{engine_linker, skill_linker};
use super::description::Description;
use super::dispatcher::Scope;
use super::log::cut;
use super::runtime;
use super::session::Session;
use super::state::CallState;
use super::stop::Stop;
use crate::config::Limits;
use crate::domain::{Digest, KvOwner, Tool};
use check::{check_exports, check_header, check_imports, check_resources};
use scan::surface;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tools::check_tools;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

/// The package of the guest contract, with the version of this host.
const PACKAGE: &str = "agent-factory:guest";
const VERSION: &str = "0.1.0";

/// Which world a component has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// `skill`: offers tools.
    Skill,
    /// `engine`: runs turns.
    Engine,
}

impl ComponentKind {
    /// The interface of the package that the component has to export.
    const fn export(self) -> &'static str {
        match self {
            Self::Skill => "toolbox",
            Self::Engine => "adapter",
        }
    }

    /// Whether the names of exports, as an error lists them, have this kind's.
    pub(crate) fn is_among(self, exports: &str) -> bool {
        exports.contains(&format!("{PACKAGE}/{}@", self.export()))
    }

    /// Interfaces of the package that it may import.
    const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Skill => &[
                "blobs",
                "types",
                "tool-calls",
                "logging",
                "config",
                "key-value",
                "memory",
            ],
            Self::Engine => &[
                "blobs",
                "types",
                "logging",
                "config",
                "key-value",
                "memory",
                "model",
                "turns",
            ],
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Skill => "skill",
            Self::Engine => "engine",
        })
    }
}

impl FromStr for ComponentKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "skill" => Ok(Self::Skill),
            "engine" => Ok(Self::Engine),
            _ => Err(format!(
                "a component's kind is skill or engine, not {word:?}"
            )),
        }
    }
}

/// What is known of a component once it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// A skill's tools; none of an engine.
    pub tools: Vec<Tool>,
    /// The code, to be signed.
    pub code: CompiledCode,
}

/// What can be told of a component from its bytes alone: whether it is one, and whether its imports and exports are those of
/// its kind. Cheap, and safe on any bytes.
///
/// # Errors
/// As [`compile_component`].
pub fn inspect_component(kind: ComponentKind, bytes: &[u8]) -> Result<(), CompileError> {
    check_header(bytes)?;
    let surface = surface(bytes)?;
    check_exports(kind, &surface)?;
    check_imports(kind, &surface)
}

/// Check, describe and compile a component. Blocks for as long as that takes, and must not be called
/// from an async task.
///
/// # Errors
/// For whatever is wrong with the component; see [`CompileError`].
pub fn compile_component(
    kind: ComponentKind,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Described, CompileError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limits.component_bytes {
        let limit = limits.component_bytes;
        return Err(CompileError::TooLarge { size, limit });
    }
    inspect_component(kind, bytes)?;
    let unavailable = |error: &dyn fmt::Display| CompileError::Unavailable(error.to_string());
    let engine = runtime::compiling_engine().map_err(|error| unavailable(&error))?;
    let component = Component::from_binary(&engine, bytes)
        .map_err(|error| CompileError::NotAComponent(sentence(&error)))?;
    check_resources(&component, limits)?;
    // Before anything of the component runs: what is signed is what the compiler made, whatever a
    // guest might do to this process.
    let digest = Digest::of(bytes);
    let code = component.serialize().map_err(|error| unavailable(&error))?;
    let tools = match kind {
        ComponentKind::Skill => {
            let pre = link(kind, skill_linker(&engine), &component, SkillPre::new)?;
            let listed = describe(&engine, limits, ListTools(&pre))?;
            check_tools(listed)?
        }
        ComponentKind::Engine => {
            let pre = link(kind, engine_linker(&engine), &component, EnginePre::new)?;
            describe(&engine, limits, Instantiate(&pre))?;
            Vec::new()
        }
    };
    let code = CompiledCode {
        component: digest,
        compatibility: runtime::compatibility(&engine),
        target: runtime::target_name(),
        description: Description::of(kind, &tools),
        bytes: code,
    };
    Ok(Described { tools, code })
}

fn link<P>(
    kind: ComponentKind,
    linker: wasmtime::Result<Linker<CallState>>,
    component: &Component,
    typed: fn(InstancePre<CallState>) -> wasmtime::Result<P>,
) -> Result<P, CompileError> {
    let linker = linker.map_err(|error| CompileError::Unavailable(format!("{error:#}")))?;
    linker
        .instantiate_pre(component)
        .and_then(typed)
        .map_err(|error| CompileError::Mismatch {
            kind,
            why: sentence(&error),
        })
}

/// Run the component once, with nothing granted and within the limits of a tool call.
fn describe<W: Work>(engine: &Engine, limits: &Limits, work: W) -> Result<W::Answer, CompileError> {
    let unavailable = |why: String| CompileError::Unavailable(why);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| unavailable(error.to_string()))?;
    let (Ok(turn), Ok(note)) = ("describe".parse(), "MEMORY.md".parse()) else {
        return Err(unavailable("an id was refused".to_owned()));
    };
    let session = Session::nobody(Arc::new(limits.clone()), turn, note);
    let limits = Arc::clone(&session.limits);
    let budget = Budget::tool(&limits);
    let scope = Scope::new(
        Arc::new(session),
        limits,
        "describe".to_owned(),
        KvOwner(None),
        Grants::none(),
        BTreeMap::new(),
    );
    let never = CancellationToken::new();
    let call = call::run(engine, budget, scope, &never, work);
    runtime
        .block_on(call)
        .answer
        .map_err(|failure| match failure {
            CallFailure::Stopped(Stop::Exhausted(limit)) => {
                CompileError::DoesNotFit(limit.to_string())
            }
            CallFailure::Stopped(stop) => CompileError::NoTools(stop.to_string()),
            CallFailure::Trapped(text) => CompileError::NoTools(text),
        })
}

/// The chain of an error on one line, bounded.
fn sentence(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}").replace('\n', " ");
    cut(&text, 600).to_owned()
}
