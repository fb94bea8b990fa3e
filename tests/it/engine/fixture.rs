//! A component host with the hostile components loaded.

use super::lookups::FakeLookups;
use agent_factory::config::{self, Limits};
use agent_factory::domain::{
    Digest, HistoryMessage, LimitSet, Part, Role, SecretRef, SecretValue, Section, Tool, TurnMode,
};
use agent_factory::egress::{Egress, Lookup, SystemLookup};
use agent_factory::engine::{
    ArtifactSigner, CompiledComponent, ComponentHost, ComponentKind, EngineComponent, Grants,
    SkillComponent, Sources, TurnEnd, TurnInput, TurnModel, TurnSkill, compile_component,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

pub(crate) struct Guest {
    pub(crate) tools: Vec<Tool>,
    pub(crate) artifact: Arc<CompiledComponent>,
}

/// `target/`: the test executable is `target/<profile>/deps/it-...`.
pub(crate) fn target() -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(3)
        .unwrap()
        .to_owned()
}

pub(crate) fn component_bytes(package: &str) -> Vec<u8> {
    let path = target().join("guests").join(format!("{package}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; build it with `cargo xtask guests`",
            path.display()
        )
    })
}

/// A way out that leads nowhere private.
pub(crate) fn egress() -> Egress {
    egress_to("")
}

/// A way out to these private addresses, too.
pub(crate) fn egress_to(allow_private: &str) -> Egress {
    egress_by(allow_private, Arc::new(SystemLookup))
}

/// With names that lead where the test says.
pub(crate) fn egress_by(allow_private: &str, lookup: Arc<dyn Lookup>) -> Egress {
    let config = config::Egress {
        allow_private: serde_json::from_value(allow_private.into()).unwrap(),
        connect_ms: 2_000,
        first_byte_ms: 2_000,
        idle_ms: 2_000,
    };
    Egress::new(config, &lookup).unwrap()
}

pub(crate) fn signer() -> ArtifactSigner {
    ArtifactSigner::from_seed([42; 32])
}

fn guest(package: &str, kind: ComponentKind) -> Guest {
    admitted(component_bytes(package), kind)
}

/// A component as it is admitted.
pub(crate) fn admitted(bytes: Vec<u8>, kind: ComponentKind) -> Guest {
    // A thread of its own, since a test's thread may be inside an async runtime.
    let described =
        std::thread::spawn(move || compile_component(kind, &bytes, &Limits::default()).unwrap());
    let described = described.join().unwrap();
    Guest {
        tools: described.tools,
        artifact: Arc::new(signer().sign(described.code)),
    }
}

pub(crate) fn hostile_engine() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile-engine", ComponentKind::Engine))
}

pub(crate) fn hostile_skill() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile-skill", ComponentKind::Skill))
}

pub(crate) fn hostile_http() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile-http", ComponentKind::Skill))
}

#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) host: ComponentHost,
    pub(crate) engine: EngineComponent,
    pub(crate) skill: SkillComponent,
    pub(crate) tools: Vec<Tool>,
    pub(crate) lookups: Arc<FakeLookups>,
    pub(crate) grants: Grants,
    pub(crate) secrets: BTreeMap<SecretRef, SecretValue>,
    pub(crate) withheld: bool,
    pub(crate) cancel: CancellationToken,
    pub(crate) history: Vec<HistoryMessage>,
    pub(crate) models: Vec<TurnModel>,
    /// Whose slots its turns take.
    pub(crate) share: &'static str,
    pub(crate) sources: Option<Sources>,
    /// What a turn asks for.
    pub(crate) limits: LimitSet,
    /// What the skill asks for.
    pub(crate) skill_limits: LimitSet,
}

pub(crate) fn message(text: &str) -> HistoryMessage {
    HistoryMessage {
        role: Role::User,
        parts: vec![Part::Text(text.to_owned())],
        at: None,
    }
}

impl Fixture {
    pub(crate) async fn new(limits: Limits) -> Self {
        Self::of(limits, hostile_engine(), hostile_skill()).await
    }

    pub(crate) async fn with_egress(limits: Limits, egress: Egress) -> Self {
        Self::load(limits, egress, hostile_engine(), hostile_skill()).await
    }

    /// A host with these guests instead; the skill has the name `hostile` all the same.
    pub(crate) async fn of(limits: Limits, engine: &Guest, skill: &Guest) -> Self {
        Self::load(limits, egress(), engine, skill).await
    }

    /// With a skill that sends whatever requests it is told to.
    pub(crate) async fn with_requests(limits: Limits, egress: Egress) -> Self {
        Self::load(limits, egress, hostile_engine(), hostile_http()).await
    }

    async fn load(limits: Limits, egress: Egress, engine: &Guest, skill: &Guest) -> Self {
        let host = ComponentHost::new(limits, signer().verifier(), egress).unwrap();
        Self {
            engine: host.load_engine(&engine.artifact).await.unwrap(),
            skill: host.load_skill(&skill.artifact).await.unwrap(),
            tools: skill.tools.clone(),
            host,
            lookups: Arc::default(),
            grants: Grants::none(),
            secrets: BTreeMap::new(),
            withheld: false,
            cancel: CancellationToken::new(),
            history: Vec::new(),
            models: Vec::new(),
            share: "somebody",
            sources: None,
            limits: LimitSet::default(),
            skill_limits: LimitSet::default(),
        }
    }

    pub(crate) fn input(&self, text: &str) -> TurnInput {
        TurnInput {
            turn_id: "msg_1".parse().unwrap(),
            attempt: 1,
            share: Digest::of(self.share.as_bytes()),
            mode: TurnMode::Main,
            prompt: vec![Section {
                title: "SOUL.md".to_owned(),
                body: "Be hostile.".to_owned(),
                stable: true,
            }],
            history: self.history.clone(),
            input: message(text),
            skills: vec![TurnSkill {
                name: "hostile".parse().unwrap(),
                component: self.skill.clone(),
                tools: self.tools.clone(),
                grants: self.grants.clone(),
                secrets: self.secrets.clone(),
                withheld: self.withheld,
                config: BTreeMap::new(),
                limits: self.skill_limits.clone(),
            }],
            models: self.models.clone(),
            config: BTreeMap::new(),
            limits: self.limits.clone(),
            memory_note: "memory/2026-11-22.md".parse().unwrap(),
            lookups: self.lookups.clone(),
            sources: self.sources.clone(),
            cancel: self.cancel.clone(),
        }
    }

    pub(crate) async fn turn(&self, text: &str) -> TurnEnd {
        self.host.run_turn(&self.engine, self.input(text)).await
    }

    /// The reply of a turn that completes.
    pub(crate) async fn reply(&self, text: &str) -> String {
        let end = self.turn(text).await;
        end.outcome.unwrap().reply.unwrap().text
    }

    /// The text of the failure of a turn that does not.
    pub(crate) async fn failure(&self, text: &str) -> String {
        format!("{:?}", self.turn(text).await.outcome.unwrap_err())
    }
}
