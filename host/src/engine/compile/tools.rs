//! What is accepted as a skill's tools.

use super::CompileError;
use crate::domain::Tool;
use crate::engine::bindings::v0_1::types;
use crate::engine::bindings::{InvalidTool, tool_from_guest};
use crate::engine::log::cut;
use crate::engine::schema;
use std::collections::BTreeSet;

/// Tools of one skill.
const TOOLS: usize = 64;
/// A tool's description, bytes.
const DESCRIPTION_BYTES: usize = 4 << 10;
/// A tool's title, bytes.
const TITLE_BYTES: usize = 128;

pub(super) fn check_tools(listed: Vec<types::Tool>) -> Result<Vec<Tool>, CompileError> {
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
