//! Which tool a message asks for, by the grammar at the top of the crate.

use agent_factory_sdk::types::Tool;

/// A tool, and what it is given.
#[derive(Debug, PartialEq)]
pub(crate) struct Command<'a> {
    pub(crate) tool: &'a Tool,
    /// What follows the names, trimmed.
    pub(crate) rest: &'a str,
}

impl<'a> Command<'a> {
    /// The tool that the first word or two name; none for small talk.
    pub(crate) fn find(message: &'a str, tools: &'a [Tool]) -> Option<Self> {
        let (first, rest) = word(message)?;
        let of_skill: Vec<&Tool> = tools.iter().filter(|tool| skill(tool) == first).collect();
        if let Some(default) = of_skill.first() {
            let named = word(rest).and_then(|(second, after)| {
                let tool = of_skill.iter().find(|tool| bare(tool) == second)?;
                Some(Self { tool, rest: after })
            });
            return Some(named.unwrap_or(Self {
                tool: default,
                rest,
            }));
        }
        let tool = tools
            .iter()
            .find(|tool| tool.name == first || bare(tool) == first)?;
        Some(Self { tool, rest })
    }
}

/// The first word as names are written, and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = word
        .trim_end_matches([':', ','])
        .to_lowercase()
        .replace('-', "_");
    (!name.is_empty()).then(|| (name, rest.trim()))
}

/// The skill of a full name such as `notes__add`; a skill's own name has no `__`.
fn skill(tool: &Tool) -> &str {
    tool.name.split_once("__").map_or("", |(skill, _)| skill)
}

/// The tool of a full name.
pub(crate) fn bare(tool: &Tool) -> &str {
    tool.name
        .split_once("__")
        .map_or(tool.name.as_str(), |(_, bare)| bare)
}

/// Each skill with its tools' names, in the order of the list.
pub(crate) fn by_skill(tools: &[Tool]) -> Vec<(&str, Vec<&str>)> {
    let mut skills: Vec<(&str, Vec<&str>)> = Vec::new();
    for tool in tools {
        match skills.iter_mut().find(|(name, _)| *name == skill(tool)) {
            Some((_, names)) => names.push(bare(tool)),
            None => skills.push((skill(tool), vec![bare(tool)])),
        }
    }
    skills
}
