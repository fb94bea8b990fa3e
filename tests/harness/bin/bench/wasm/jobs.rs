//! What is done: one tool, its arguments, and the programs of other runtimes that do the same.

use super::Name;
use agent_factory::domain::{Digest, Tool};
use agent_factory::engine::{CompiledComponent, ComponentKind};
use agent_factory_tests::built;
use agent_factory_tests::compiled::{self, compile_here};
use serde_json::json;
use std::sync::Arc;

/// A job.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) name: &'static str,
    /// The component.
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) kind: ComponentKind,
    /// The bare name.
    pub(super) tool: &'static str,
    /// JSON.
    pub(super) arguments: String,
    /// What its answer contains.
    pub(super) answer: &'static str,
    /// How many times the small skill's time it takes, about.
    pub(super) weight: u32,
    /// More of them would take minutes to compile, and gigabytes.
    pub(super) resident_max: u32,
}

/// A component as it is resident beside others.
#[derive(Clone)]
pub(super) struct Resident {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) tools: Vec<Tool>,
    pub(super) artifact: Arc<CompiledComponent>,
}

impl Job {
    /// The job of this name; none, with a message, where its component was not built.
    pub(super) fn new(name: Name) -> anyhow::Result<Option<Self>> {
        Ok(match name {
            Name::Small => Some(Self {
                name: "small",
                bytes: Arc::new(built::guest_bytes("dice")),
                kind: ComponentKind::Skill,
                tool: "compare",
                arguments: json!({ "first": 5, "second": 2 }).to_string(),
                answer: "the first",
                weight: 1,
                resident_max: u32::MAX,
            }),
            Name::Json => Some(Self {
                name: "json",
                bytes: Arc::new(built::guest_bytes("json-skill")),
                kind: ComponentKind::Skill,
                tool: "summarize",
                arguments: orders(),
                answer: "\"customer-3\":{\"orders\":10",
                weight: 10,
                resident_max: 100,
            }),
            Name::Js => built::language_guest("js-skill").map(|bytes| Self {
                name: "js",
                bytes: Arc::new(bytes),
                kind: ComponentKind::Skill,
                tool: "convert",
                arguments: json!({ "value": 26.2, "from": "mile", "to": "kilometre" }).to_string(),
                answer: "42.1648",
                weight: 25,
                resident_max: 1,
            }),
        })
    }

    /// So many components that differ in a custom section only, compiled.
    pub(super) fn distinct(&self, number: u32) -> anyhow::Result<Vec<Resident>> {
        let mut all = Vec::new();
        for place in 0..number {
            let mut bytes = self.bytes.to_vec();
            let name = format!("copy {place}");
            // A custom section: its id, its size, the length of its name, its name.
            bytes.push(0);
            bytes.push(u8::try_from(name.len() + 1)?);
            bytes.push(u8::try_from(name.len())?);
            bytes.extend_from_slice(name.as_bytes());
            let compiled = compile_here(self.kind, &bytes);
            anyhow::ensure!(compiled.artifact.component == Digest::of(&bytes));
            all.push(Resident {
                bytes: Arc::new(bytes),
                tools: compiled.tools,
                artifact: compiled.artifact,
            });
            if (place + 1) % 100 == 0 {
                eprintln!("bench: {} of {number} components compiled", place + 1);
            }
        }
        Ok(all)
    }
}

/// Signs what is measured.
pub(super) fn signer() -> agent_factory::engine::ArtifactSigner {
    compiled::signer()
}

/// Some 16 KB of orders.
fn orders() -> String {
    let orders: Vec<_> = (0..100)
        .map(|number| {
            let items: Vec<_> = (0..3)
                .map(|item| {
                    json!({
                        "name": format!("item-{}", (number * 7 + item) % 20),
                        "count": item + 1,
                        "price": 100 + number,
                    })
                })
                .collect();
            json!({ "customer": format!("customer-{}", number % 10), "items": items })
        })
        .collect();
    json!({ "orders": orders }).to_string()
}
