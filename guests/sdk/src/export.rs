//! From the exports of a component to the author's functions.

use crate::bindings::{engine, skill};
use crate::turn::{Turn, TurnError};
use crate::types::{Output, Tool, ToolError};
use crate::{Context, Skill};
use skill::exports::agent_factory::guest::toolbox;

/// What `skill!` gives the exports.
pub trait ExportSkill {
    /// The tools.
    const SKILL: Skill;
}

impl<T: ExportSkill> toolbox::Guest for T {
    fn tools() -> Vec<Tool> {
        T::SKILL.tools()
    }

    fn call(call: toolbox::ToolCall) -> Result<Output, ToolError> {
        let (tool, arguments) = (call.tool(), call.arguments());
        T::SKILL.call(&Context::of(call), &tool, &arguments)
    }
}

/// What `#[engine]` gives the exports.
pub trait ExportEngine {
    /// Runs one turn to its end.
    ///
    /// # Errors
    /// By what should happen next.
    fn run(turn: &Turn) -> Result<(), TurnError>;
}

impl<T: ExportEngine> engine::exports::agent_factory::guest::adapter::Guest for T {
    fn run(turn: engine::agent_factory::guest::turns::Turn) -> Result<(), TurnError> {
        <T as ExportEngine>::run(&Turn::new(turn))
    }
}
