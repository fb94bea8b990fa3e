//! What a component was admitted as, beside its code.

use super::compile::ComponentKind;
use crate::domain::{Digest, Tool};
use std::fmt;
use std::str::FromStr;

/// The kind and the tools that a component was admitted with. It stands under the signature of the compiled code, so that
/// neither can be changed where it is stored or on its way; written as `skill <digest of the tools>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Which world it has.
    pub kind: ComponentKind,
    /// Of its tools, in their order; what [`Description::of`] makes of none for an engine.
    pub tools: Digest,
}

/// A text that describes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a component's description is its kind and a digest of its tools")]
pub struct NotADescription;

impl Description {
    /// Of a component of this kind that offers these tools.
    #[must_use]
    pub fn of(kind: ComponentKind, tools: &[Tool]) -> Self {
        let mut texts: Vec<&str> = Vec::new();
        for tool in tools {
            let hints = tool.hints;
            texts.extend([
                tool.name.as_str(),
                // A title that is missing and one that is empty are two things.
                tool.title.as_ref().map_or("0", |_| "1"),
                tool.title.as_deref().unwrap_or_default(),
                &tool.description,
                &tool.input_schema,
                tool.output_schema.as_ref().map_or("0", |_| "1"),
                tool.output_schema.as_deref().unwrap_or_default(),
            ]);
            let flags = [
                hints.read_only,
                hints.destructive,
                hints.idempotent,
                hints.open_world,
            ];
            texts.extend(flags.map(|set| if set { "1" } else { "0" }));
        }
        Self {
            kind,
            tools: Digest::of_texts(texts),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.kind, self.tools)
    }
}

impl FromStr for Description {
    type Err = NotADescription;

    fn from_str(text: &str) -> Result<Self, NotADescription> {
        let (kind, tools) = text.split_once(' ').ok_or(NotADescription)?;
        Ok(Self {
            kind: kind.parse().map_err(|_| NotADescription)?,
            tools: tools.parse().map_err(|_| NotADescription)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Hints;

    fn tool() -> Tool {
        Tool {
            name: "add".parse().unwrap(),
            title: None,
            description: "Add.".to_owned(),
            input_schema: "{}".to_owned(),
            output_schema: None,
            hints: Hints::default(),
        }
    }

    #[test]
    fn whatever_is_changed_of_a_tool_is_another_description() {
        let of = |tools: &[Tool]| Description::of(ComponentKind::Skill, tools);
        let changes: [fn(&mut Tool); 9] = [
            |tool| tool.name = "sub".parse().unwrap(),
            |tool| tool.title = Some(String::new()),
            |tool| tool.description.push('!'),
            |tool| tool.input_schema = "{ }".to_owned(),
            |tool| tool.output_schema = Some(String::new()),
            |tool| tool.hints.read_only = true,
            |tool| tool.hints.destructive = true,
            |tool| tool.hints.idempotent = true,
            |tool| tool.hints.open_world = true,
        ];
        let mut seen = vec![of(&[tool()]), of(&[]), of(&[tool(), tool()])];
        for change in changes {
            let mut changed = tool();
            change(&mut changed);
            let description = of(&[changed]);
            assert!(!seen.contains(&description), "{description}");
            seen.push(description);
        }
        assert_ne!(
            of(&[tool()]),
            Description::of(ComponentKind::Engine, &[tool()])
        );
    }

    #[test]
    fn a_description_is_read_back_as_it_was_written() {
        let description = Description::of(ComponentKind::Skill, &[tool()]);
        assert_eq!(description.to_string().parse(), Ok(description));
        for text in ["", "skill", "skill x", "tool 00", "skill  "] {
            assert_eq!(text.parse::<Description>(), Err(NotADescription), "{text}");
        }
    }
}
