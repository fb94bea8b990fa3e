use super::SkillName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a tool does to the world, with the meaning MCP gives its annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hints {
    /// Changes nothing.
    #[serde(alias = "read_only")]
    pub read_only: bool,
    /// What it changes may be lost for good.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches beyond the agent's own state.
    #[serde(alias = "open_world")]
    pub open_world: bool,
}

/// One tool of a skill, as the skill describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// The bare name.
    pub name: ToolName,
    /// For people.
    pub title: Option<String>,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, JSON text.
    #[serde(alias = "input_schema")]
    pub input_schema: String,
    /// JSON Schema of the structured output, JSON text.
    #[serde(alias = "output_schema")]
    pub output_schema: Option<String>,
    /// How careful to be.
    pub hints: Hints,
}

/// A tool's bare name: 1 to 32 of `a-z`, `0-9`, `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolName(String);

impl ToolName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let accepts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if (1..=32).contains(&name.len()) && name.chars().all(accepts) {
            return Ok(Self(name.to_owned()));
        }
        Err(format!(
            "a tool's name must be 1 to 32 characters of a-z, 0-9 and _, not {name:?}"
        ))
    }
}

impl TryFrom<String> for ToolName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<ToolName> for String {
    fn from(name: ToolName) -> Self {
        name.0
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A tool together with the skill that offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillTool {
    /// The skill.
    pub skill: SkillName,
    /// Its tool.
    pub tool: Tool,
}

impl SkillTool {
    /// The name the engine and the model see: `skill__tool`, with `-` of the skill's name as `_`.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_tool_name(&self.skill, &self.tool.name)
    }
}

/// As [`SkillTool::full_name`], of a tool that is not held together with its skill.
pub(crate) fn full_tool_name(skill: &SkillName, tool: &ToolName) -> String {
    format!("{}__{tool}", skill.as_str().replace('-', "_"))
}

/// A picture, a sound or a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// A name to show.
    pub name: Option<String>,
    /// As in `Content-Type`.
    #[serde(alias = "media_type")]
    pub media_type: String,
    /// The bytes; base64 in JSON. A clone shares them.
    #[serde(with = "super::json::base64_bytes")]
    pub bytes: Bytes,
}

/// One piece of a tool's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text for the model.
    Text(String),
    /// A file.
    File(File),
}

/// What a tool answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// In the order it is to be read.
    pub content: Vec<Content>,
    /// The same answer as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<String>,
}

/// Why a tool call gave no output, by what should happen next. The texts are shown to the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ToolError {
    /// The model may correct them.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// A person must act.
    #[error("not configured: {0}")]
    NotConfigured(String),
    /// Would be refused again.
    #[error("refused: {0}")]
    Refused(String),
    /// Worth another try later.
    #[error("try again in {after:?}: {reason}")]
    RetryAfter {
        /// At least this long.
        #[serde(rename = "afterMs", with = "super::json::millis")]
        after: Duration,
        /// For the operator.
        reason: String,
    },
    /// A limit of the call is spent; names it and its value.
    #[error("{0}")]
    Exhausted(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
