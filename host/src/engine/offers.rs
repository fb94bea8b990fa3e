//! The tools of a turn, by the names that its engine and the model call them by.

use super::turn::TurnSkill;
use crate::domain::{Digest, SkillName, Tool, full_tool_name};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The longest name that every model vendor accepts.
pub(super) const NAME_BYTES: usize = 64;

/// What a turn's skills offer, looked up once: the calls of a turn find their tools by a name each.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// In the order of the skills.
    offers: Vec<Offer>,
    places: HashMap<String, usize>,
}

/// A tool of the turn.
#[derive(Debug)]
pub(super) struct Offer {
    /// `skill__tool`.
    pub(super) name: String,
    /// The place of its skill in the turn.
    pub(super) skill: usize,
    pub(super) tool: Tool,
    schema: OnceLock<Digest>,
}

impl Offers {
    /// Takes the tools of `skills`, which have none then. A name that is too long, or the same as an earlier one, is not offered.
    pub(super) fn of(skills: &mut [TurnSkill]) -> Self {
        let tools = skills.iter_mut().enumerate().flat_map(|(place, skill)| {
            let (name, tools) = (skill.name.clone(), std::mem::take(&mut skill.tools));
            tools
                .into_iter()
                .map(move |tool| (place, name.clone(), tool))
        });
        Self::of_tools(tools)
    }

    fn of_tools(tools: impl Iterator<Item = (usize, SkillName, Tool)>) -> Self {
        let mut offers = Self::default();
        for (skill, skill_name, tool) in tools {
            let name = full_tool_name(&skill_name, &tool.name);
            if name.len() > NAME_BYTES || offers.places.contains_key(&name) {
                continue;
            }
            offers.places.insert(name.clone(), offers.offers.len());
            offers.offers.push(Offer {
                name,
                skill,
                tool,
                schema: OnceLock::new(),
            });
        }
        offers
    }

    /// In the order of the skills.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter()
    }

    /// The tool of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Offer> {
        self.offers.get(*self.places.get(name)?)
    }
}

impl Offer {
    /// What the schema of its arguments is cached by; computed when it is asked for first.
    pub(super) fn schema_digest(&self) -> Digest {
        *self
            .schema
            .get_or_init(|| Digest::of(self.tool.input_schema.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Hints;

    fn tool(name: &str) -> Tool {
        Tool {
            name: name.parse().unwrap(),
            title: None,
            description: String::new(),
            input_schema: "{}".to_owned(),
            output_schema: None,
            hints: Hints::default(),
        }
    }

    #[test]
    fn a_name_is_offered_once_and_only_where_every_vendor_takes_it() {
        let skills = ["a-b", "a", &"s".repeat(NAME_BYTES - "__add".len())];
        let skills = skills.map(|name| name.parse::<SkillName>().unwrap());
        let tools = ["add", "adds", "add"].map(tool);
        let all = skills.iter().enumerate().flat_map(|(place, skill)| {
            let of = tools.iter().cloned();
            of.map(move |tool| (place, skill.clone(), tool))
        });
        let offers = Offers::of_tools(all);
        let names: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
        let longest = format!("{}__add", skills[2].as_str());
        assert_eq!(
            names,
            ["a_b__add", "a_b__adds", "a__add", "a__adds", &longest]
        );
        assert_eq!(offers.get("a__add").unwrap().skill, 1);
        assert!(offers.get("a__sub").is_none());
    }
}
