//! Checking, describing and compiling one component.
//!
//! This works on bytes that nobody has checked, with a compiler that may be made to take all the
//! time and memory there is, and it runs the component once to ask for its tools. So it is done in a
//! process of its own: see [`Compiler`](super::Compiler).

use super::Grants;
use super::artifact::CompiledCode;
use super::bindings::v0_1::{EnginePre, SkillPre, types};
use super::bindings::{InvalidTool, tool_from_guest};
use super::call::{self, Budget, CallFailure, Instantiate, ListTools, Work};
use super::capabilities::{WASI, engine_linker, skill_linker};
use super::dispatcher::Scope;
use super::log::cut;
use super::runtime::{self, MEMORIES, Purpose, TABLES};
use super::schema;
use super::session::Session;
use super::state::CallState;
use super::stop::Stop;
use crate::config::Limits;
use crate::domain::{Digest, KvOwner, Tool};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

/// The package of the guest contract, with the version of this host.
const PACKAGE: &str = "agent-factory:guest";
const VERSION: &str = "0.1.0-rc.1";
/// Tools of one skill.
const TOOLS: usize = 64;
/// A tool's description, bytes.
const DESCRIPTION_BYTES: usize = 4 << 10;
/// A tool's title, bytes.
const TITLE_BYTES: usize = 128;
/// Names of exports or imports in an error.
const NAMES: usize = 8;
/// A page of linear memory, bytes.
const PAGE: u64 = 64 << 10;

/// Which world a component has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// `skill`: offers tools.
    Skill,
    /// `engine`: runs turns.
    Engine,
}

impl ComponentKind {
    /// The interface that the component has to export.
    fn export(self) -> String {
        let interface = match self {
            Self::Skill => "toolbox",
            Self::Engine => "adapter",
        };
        format!("{PACKAGE}/{interface}@{VERSION}")
    }

    /// Interfaces of the package that it may import.
    const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Skill => &["types", "logging", "config", "key-value", "memory"],
            Self::Engine => &[
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
    check_header(bytes)?;
    let unavailable = |error: &dyn fmt::Display| CompileError::Unavailable(error.to_string());
    let engine = runtime::engine(Purpose::Compile, limits).map_err(|error| unavailable(&error))?;
    let component = Component::from_binary(&engine, bytes)
        .map_err(|error| CompileError::NotAComponent(sentence(&error)))?;
    check_exports(kind, &engine, &component)?;
    check_imports(kind, &engine, &component)?;
    check_resources(&component, limits)?;
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
        component: Digest::of(bytes),
        compatibility: runtime::compatibility(&engine),
        target: runtime::target_name(),
        bytes: component.serialize().map_err(|error| unavailable(&error))?,
    };
    Ok(Described { tools, code })
}

/// The first eight bytes tell a component, a core module and anything else apart.
fn check_header(bytes: &[u8]) -> Result<(), CompileError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(CompileError::CoreModule),
        _ => {
            let text = "it does not begin like one";
            Err(CompileError::NotAComponent(text.to_owned()))
        }
    }
}

fn check_exports(
    kind: ComponentKind,
    engine: &Engine,
    component: &Component,
) -> Result<(), CompileError> {
    let component = component.component_type();
    let exports: Vec<String> = component
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let missing = kind.export();
    if exports.contains(&missing) {
        return Ok(());
    }
    let exports = list(&exports);
    Err(CompileError::LacksExport { missing, exports })
}

fn check_imports(
    kind: ComponentKind,
    engine: &Engine,
    component: &Component,
) -> Result<(), CompileError> {
    let capabilities: Vec<String> = kind
        .capabilities()
        .iter()
        .map(|interface| format!("{PACKAGE}/{interface}@{VERSION}"))
        .collect();
    for (import, _) in component.component_type().imports(engine) {
        let wasi = WASI.iter().any(|package| import.starts_with(package));
        if wasi || capabilities.iter().any(|capability| capability == import) {
            continue;
        }
        let packages = WASI.map(|package| package.trim_end_matches('/')).join(", ");
        let interfaces = kind.capabilities().join(", ");
        return Err(CompileError::UnknownImport {
            import: cut(import, 200).to_owned(),
            kind,
            allowed: format!("{interfaces} of {PACKAGE}@{VERSION}, and {packages} 0.2"),
        });
    }
    Ok(())
}

/// What can be known before instantiating it.
fn check_resources(component: &Component, limits: &Limits) -> Result<(), CompileError> {
    let too_much = |text: String| Err(CompileError::DoesNotFit(text));
    let Some(needs) = component.resources_required() else {
        return too_much("it imports modules or components".to_owned());
    };
    if needs.num_memories > MEMORIES {
        return too_much(format!(
            "it has {} memories, more than {MEMORIES}",
            needs.num_memories
        ));
    }
    if needs.num_tables > TABLES {
        return too_much(format!(
            "it has {} tables, more than {TABLES}",
            needs.num_tables
        ));
    }
    let memory = needs
        .max_initial_memory_size
        .unwrap_or(0)
        .saturating_mul(PAGE);
    if memory > limits.memory_bytes {
        return too_much(format!(
            "it begins with {memory} bytes of memory, more than {} (memory_bytes)",
            limits.memory_bytes
        ));
    }
    let elements = needs.max_initial_table_size.unwrap_or(0);
    if elements > u64::from(limits.table_elements) {
        return too_much(format!(
            "it begins with {elements} table elements, more than {} (table_elements)",
            limits.table_elements
        ));
    }
    Ok(())
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
    let scope = Scope::new(
        Arc::new(session),
        "describe".to_owned(),
        KvOwner(None),
        Grants::none(),
        BTreeMap::new(),
    );
    let never = CancellationToken::new();
    let call = call::run(engine, Budget::tool(limits), scope, &never, work);
    runtime
        .block_on(call)
        .answer
        .map_err(|failure| match failure {
            CallFailure::Stopped(Stop::Exhausted(text)) => CompileError::DoesNotFit(text),
            CallFailure::Stopped(stop) => CompileError::NoTools(stop.to_string()),
            CallFailure::Trapped(text) => CompileError::NoTools(text),
        })
}

fn check_tools(listed: Vec<types::Tool>) -> Result<Vec<Tool>, CompileError> {
    if listed.len() > TOOLS {
        return Err(CompileError::NoTools(format!(
            "there are {}, more than {TOOLS}",
            listed.len()
        )));
    }
    let mut names = BTreeSet::new();
    let mut tools = Vec::with_capacity(listed.len());
    for tool in listed {
        let name = cut(&tool.name, 64).to_owned();
        let invalid = |why: String| CompileError::InvalidTool {
            tool: name.clone(),
            why,
        };
        let tool = tool_from_guest(tool).map_err(|InvalidTool(why)| invalid(why))?;
        check_tool(&tool).map_err(invalid)?;
        if !names.insert(tool.name.clone()) {
            return Err(invalid("there are two of this name".to_owned()));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn check_tool(tool: &Tool) -> Result<(), String> {
    let within = |what: &str, size: usize, limit: usize| {
        if size > limit {
            return Err(format!("its {what} has {size} bytes, more than {limit}"));
        }
        Ok(())
    };
    within("description", tool.description.len(), DESCRIPTION_BYTES)?;
    within(
        "title",
        tool.title.as_ref().map_or(0, String::len),
        TITLE_BYTES,
    )?;
    schema::compile_input(&tool.input_schema).map_err(|error| format!("input schema: {error}"))?;
    if let Some(output) = &tool.output_schema {
        schema::compile_output(output).map_err(|error| format!("output schema: {error}"))?;
    }
    Ok(())
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<&str> = names
        .iter()
        .take(NAMES)
        .map(|name| cut(name, 100))
        .collect();
    let more = if names.len() > NAMES {
        ", and others"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// The chain of an error on one line, bounded.
fn sentence(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}").replace('\n', " ");
    cut(&text, 600).to_owned()
}
