//! A turn with one engine and one skill, each compiled by the program's child process.

use crate::engine::fixture::egress;
use crate::engine::lookups::FakeLookups;
use agent_factory::config::Limits;
use agent_factory::domain::{
    Digest, HistoryMessage, LimitSet, Part, Receipt, Role, Section, TurnMode,
};
use agent_factory::engine::{
    ComponentHost, ComponentKind, EngineComponent, Grants, Overlay, TurnInput, TurnSkill,
};
use agent_factory_tests::built;
use agent_factory_tests::compiled::{Compiled, compiled, signer};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a turn is run on.
pub(super) struct Stage {
    pub(super) host: ComponentHost,
    engine: EngineComponent,
    pub(super) skill: TurnSkill,
    pub(super) lookups: Arc<FakeLookups>,
}

/// The component of a guest of this workspace; none where its tools were missing.
pub(super) async fn guest(kind: ComponentKind, name: &str) -> Option<Compiled> {
    Some(compiled(kind, &built::language_guest(name)?).await)
}

impl Stage {
    /// None where one of the two was not built.
    pub(super) async fn with(engine: &str, skill: &str) -> Option<Self> {
        let engine = guest(ComponentKind::Engine, engine).await?;
        let compiled = guest(ComponentKind::Skill, skill).await?;
        Some(Self::of(&engine, skill, compiled).await)
    }

    /// Of these two; the skill goes by this name.
    pub(super) async fn of(engine: &Compiled, skill: &str, compiled: Compiled) -> Self {
        let host =
            ComponentHost::new(Limits::default(), signer().verifier(), egress()).expect("a host");
        let component = host.load_skill(&compiled.artifact).await.expect("a skill");
        Self {
            engine: host.load_engine(&engine.artifact).await.expect("an engine"),
            skill: TurnSkill {
                name: skill.parse().expect("a name"),
                component,
                tools: compiled.tools,
                grants: Grants::none(),
                secrets: BTreeMap::new(),
                withheld: false,
                config: BTreeMap::new(),
                limits: LimitSet::default(),
            },
            host,
            lookups: Arc::default(),
        }
    }

    pub(super) fn granted(mut self, grants: Grants) -> Self {
        self.skill.grants = grants;
        self
    }

    /// What a turn leaves behind, and its receipts.
    pub(super) async fn turn(&self, text: &str) -> (Overlay, Vec<Receipt>) {
        let input = TurnInput {
            turn_id: "msg_1".parse().expect("an id"),
            attempt: 1,
            share: Digest::of(b"somebody"),
            limits: LimitSet::default(),
            mode: TurnMode::Main,
            prompt: vec![Section {
                title: "IDENTITY.md".to_owned(),
                body: "- **Name:** Alva".to_owned(),
                stable: true,
            }],
            history: Vec::new(),
            input: HistoryMessage {
                role: Role::User,
                parts: vec![Part::Text(text.to_owned())],
                at: None,
            },
            models: Vec::new(),
            skills: vec![TurnSkill {
                name: self.skill.name.clone(),
                component: self.skill.component.clone(),
                tools: self.skill.tools.clone(),
                grants: self.skill.grants.clone(),
                secrets: BTreeMap::new(),
                withheld: false,
                config: BTreeMap::new(),
                limits: LimitSet::default(),
            }],
            config: BTreeMap::new(),
            memory_note: "memory/2026-11-22.md".parse().expect("a path"),
            lookups: self.lookups.clone(),
            sources: None,
            cancel: CancellationToken::new(),
        };
        let end = self.host.run_turn(&self.engine, input).await;
        (end.outcome.expect("a turn that completes"), end.receipts)
    }

    /// The reply of a turn that completes.
    pub(super) async fn reply(&self, text: &str) -> String {
        let (overlay, receipts) = self.turn(text).await;
        for receipt in receipts {
            eprintln!("{receipt:?}");
        }
        overlay.reply.expect("a reply").text
    }
}
