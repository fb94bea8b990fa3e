//! What a turn may take: what was asked for, within what its tenant's operator and its agent allow.
//!
//! Worked out here, once a turn, from values alone. A worker holds it below its own `[limits]` and never above.

use super::Snapshot;
use crate::domain::{LimitSet, SkillName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the engine of a turn, and a call of each of its skills, may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnLimits {
    /// Of the turn and its engine.
    pub engine: LimitSet,
    /// Of a call of a skill; what is not here is as the worker is configured.
    pub skills: BTreeMap<SkillName, LimitSet>,
}

impl TurnLimits {
    /// An agent gets what it asks for, or else the default; a skill what it asks for, or else what its agent has. A skill is
    /// held to its agent's limits, and everything to the tenant's caps.
    pub(super) fn of(defaults: &LimitSet, tenant: &LimitSet, snapshot: &Snapshot) -> Self {
        let agent = &snapshot.limits;
        let engine = agent.or(defaults);
        let skills = snapshot.skills.iter().map(|skill| {
            let asked = skill.limits.or(&engine);
            (skill.name.clone(), asked.capped(agent).capped(tenant))
        });
        Self {
            skills: skills.filter(|(_, limits)| !limits.is_empty()).collect(),
            engine: engine.capped(tenant),
        }
    }

    /// Of a call of this skill.
    #[must_use]
    pub fn of_skill(&self, name: &SkillName) -> LimitSet {
        self.skills.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Digest, LimitName};
    use crate::hydration::SnapshotSkill;

    fn set(json: &str) -> LimitSet {
        serde_json::from_str(json).unwrap()
    }

    /// The `tool_ms` of the engine and of the skill.
    fn effective(default: &str, tenant: &str, agent: &str, skill: &str) -> [Option<u64>; 2] {
        let name: SkillName = "dice".parse().unwrap();
        let snapshot = Snapshot {
            made_by: Digest::of(&[]),
            agent_key: "main".parse().unwrap(),
            engine: Digest::of(&[]),
            config: BTreeMap::new(),
            models: crate::domain::AgentModels::default(),
            time_zone: "UTC".to_owned(),
            sections: Vec::new(),
            notes: Vec::new(),
            skills: vec![SnapshotSkill {
                name: name.clone(),
                component: None,
                tools: Vec::new(),
                grants: crate::domain::Grants::none(),
                withheld: false,
                config: BTreeMap::new(),
                limits: set(skill),
            }],
            limits: set(agent),
        };
        let limits = TurnLimits::of(&set(default), &set(tenant), &snapshot);
        [limits.engine.clone(), limits.of_skill(&name)].map(|set| set.get(LimitName::ToolMs))
    }

    #[test]
    fn whoever_asks_is_held_to_the_caps_above() {
        let ms = |value: u64| format!("{{\"tool_ms\":{value}}}");
        let none = "{}";
        // default, tenant's cap, agent, skill: what the engine and the skill get.
        for (default, tenant, agent, skill, expected) in [
            (none, none, none, none, [None, None]),
            (&ms(5), none, none, none, [Some(5), Some(5)]),
            (&ms(5), none, none, &ms(9), [Some(5), Some(9)]),
            (&ms(5), none, none, &ms(2), [Some(5), Some(2)]),
            (&ms(5), none, &ms(9), none, [Some(9), Some(9)]),
            (&ms(5), none, &ms(7), &ms(9), [Some(7), Some(7)]),
            (&ms(5), &ms(3), &ms(7), &ms(9), [Some(3), Some(3)]),
            (none, &ms(3), none, none, [Some(3), Some(3)]),
            (none, &ms(3), none, &ms(1), [Some(3), Some(1)]),
        ] {
            let got = effective(default, tenant, agent, skill);
            assert_eq!(got, expected, "{default} {tenant} {agent} {skill}");
        }
    }
}
