//! The component host of one worker.

use super::artifact::Platform;
use super::artifact::{ArtifactVerifier, CompiledComponent, Untrusted};
use super::bindings::v0_1::{EnginePre, SkillPre};
use super::cache::ComponentCache;
use super::call::{self, Budget, CallFailure, Ended, RunTurn};
use super::capabilities::{engine_linker, skill_linker};
use super::capacity::Capacity;
use super::compile::ComponentKind;
use super::component::{EngineComponent, SkillComponent};
use super::dispatcher::Scope;
use super::offers::Offer;
use super::runtime::{self, HostError};
use super::schema::{self, Schema};
use super::session::Session;
use super::slots::{Slot, Slots};
use super::state::CallState;
use super::stop::Stop;
use super::turn::{TurnEnd, TurnFailure, TurnInput};
use super::{Grants, deserialize, redacted};
use crate::config::Limits;
use crate::domain::{Digest, Invocation, KvOwner, LimitSet, ToolError};
use crate::egress::Egress;
use moka::sync::Cache;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

/// Memory of the schemas that stay compiled, bytes, about.
const SCHEMA_CACHE_BYTES: u64 = 64 << 20;
/// Schemas that are compiled or run at once: more would keep other blocking work waiting.
const CHECKS: usize = 4;

/// Loads components and runs turns. Cheap to clone; clones share slots and caches.
#[derive(Clone)]
pub struct ComponentHost(Arc<Inner>);

struct Inner {
    engine: Engine,
    compatibility: String,
    capacity: Capacity,
    trust: ArtifactVerifier,
    limits: Arc<Limits>,
    egress: Egress,
    engine_linker: Linker<CallState>,
    skill_linker: Linker<CallState>,
    engine_slots: Slots<Digest>,
    tool_slots: Slots<Digest>,
    components: ComponentCache,
    schemas: Cache<Digest, Arc<Schema>>,
    checks: Arc<Semaphore>,
}

/// A compiled component that was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not made by whom this host trusts.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Made by another version, or for another target.
    #[error(
        "component {component} was compiled for another engine ({theirs}; this host: {ours}): \
         compile it again"
    )]
    Incompatible {
        /// The component.
        component: Digest,
        /// What the artifact was compiled for.
        theirs: String,
        /// What this host runs.
        ours: String,
    },
    /// Trusted, and still of no use; says why.
    #[error("component {component} cannot be loaded: {why}")]
    Unusable {
        /// The component.
        component: Digest,
        /// In wasmtime's words.
        why: String,
    },
}

impl ComponentHost {
    /// A host that runs what `trust` vouches for, and whose guests' requests go out through `egress`.
    ///
    /// # Errors
    /// Where the machine does not give the address space that the limits ask for, or no thread.
    pub fn new(limits: Limits, trust: ArtifactVerifier, egress: Egress) -> Result<Self, HostError> {
        let (engine, capacity) = runtime::running_engine(&limits)?;
        tell(&limits, capacity);
        let mut limits = limits;
        limits.engine_slots = capacity.engine_slots;
        limits.tool_slots = capacity.tool_slots;
        Ok(Self(Arc::new(Inner {
            compatibility: runtime::compatibility(&engine),
            capacity,
            trust,
            egress,
            engine_linker: engine_linker(&engine)?,
            skill_linker: skill_linker(&engine)?,
            engine_slots: Slots::new(limits.engine_slots, limits.tenant_engine_slots),
            tool_slots: Slots::new(limits.tool_slots, limits.tenant_tool_slots),
            components: ComponentCache::new(limits.component_cache_bytes),
            schemas: Cache::builder()
                .weigher(|_, schema: &Arc<Schema>| schema.bytes())
                .max_capacity(SCHEMA_CACHE_BYTES)
                .build(),
            checks: Arc::new(Semaphore::new(CHECKS)),
            limits: Arc::new(limits),
            engine,
        })))
    }

    /// How many calls this machine has room for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    /// What artifacts must be compiled for to run here.
    #[must_use]
    pub fn compatibility(&self) -> &str {
        &self.0.compatibility
    }

    /// What artifacts must be compiled for to run here.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform {
            compatibility: self.0.compatibility.clone(),
            target: runtime::target_name(),
        }
    }

    /// Verify, map and link an engine adapter; at once where it is cached.
    ///
    /// # Errors
    /// Where the artifact is not trusted, is for another engine, or has not the engine's world.
    pub async fn load_engine(
        &self,
        artifact: &Arc<CompiledComponent>,
    ) -> Result<EngineComponent, LoadError> {
        if let Some(cached) = self.cached_engine(artifact.component) {
            return Ok(cached);
        }
        let loaded = self
            .link(
                ComponentKind::Engine,
                artifact,
                |inner| &inner.engine_linker,
                EnginePre::new,
            )
            .await?;
        let component = EngineComponent::new(artifact, loaded);
        self.0.components.keep_engine(component.clone());
        Ok(component)
    }

    /// Verify, map and link a skill; at once where it is cached.
    ///
    /// # Errors
    /// As [`ComponentHost::load_engine`], for the skill's world.
    pub async fn load_skill(
        &self,
        artifact: &Arc<CompiledComponent>,
    ) -> Result<SkillComponent, LoadError> {
        if let Some(cached) = self.cached_skill(artifact.component) {
            return Ok(cached);
        }
        let loaded = self
            .link(
                ComponentKind::Skill,
                artifact,
                |inner| &inner.skill_linker,
                SkillPre::new,
            )
            .await?;
        let component = SkillComponent::new(artifact, loaded);
        self.0.components.keep_skill(component.clone());
        Ok(component)
    }

    /// The engine adapter with this digest, if it is loaded: its bytes need not be fetched.
    #[must_use]
    pub fn cached_engine(&self, digest: Digest) -> Option<EngineComponent> {
        self.0.components.engine(digest)
    }

    /// The skill with this digest, if it is loaded: its bytes need not be fetched.
    #[must_use]
    pub fn cached_skill(&self, digest: Digest) -> Option<SkillComponent> {
        self.0.components.skill(digest)
    }

    /// Verify, deserialize and link on a thread for blocking work: hashing and mapping tens of
    /// megabytes takes longer than others should wait.
    async fn link<P: Send + 'static>(
        &self,
        kind: ComponentKind,
        artifact: &Arc<CompiledComponent>,
        linker: fn(&Inner) -> &Linker<CallState>,
        typed: fn(InstancePre<CallState>) -> wasmtime::Result<P>,
    ) -> Result<P, LoadError> {
        let inner = Arc::clone(&self.0);
        let artifact = Arc::clone(artifact);
        let component = artifact.component;
        let unusable = move |why: String| LoadError::Unusable { component, why };
        let loading = tokio::task::spawn_blocking(move || {
            let verified = inner.trust.verify(&artifact)?;
            if artifact.compatibility != inner.compatibility {
                return Err(LoadError::Incompatible {
                    component,
                    theirs: artifact.compatibility.clone(),
                    ours: inner.compatibility.clone(),
                });
            }
            let admitted = artifact.description.kind;
            if admitted != kind {
                return Err(unusable(format!(
                    "it was admitted as {admitted}, not as {kind}"
                )));
            }
            let loaded = deserialize::component(&inner.engine, &verified);
            loaded
                .and_then(|loaded| linker(&inner).instantiate_pre(&loaded))
                .and_then(typed)
                .map_err(|error| unusable(format!("{error:#}")))
        });
        loading
            .await
            .unwrap_or_else(|_| Err(unusable("loading broke off".to_owned())))
    }

    /// Run one turn to its end. Waits for a slot first, without limit: cancel it to give up.
    ///
    /// When this returns, nothing of the turn runs any more; when it is dropped, its tools end at
    /// their next yield.
    pub async fn run_turn(&self, engine: &EngineComponent, input: TurnInput) -> TurnEnd {
        let cancelled = input.cancel.clone();
        let _slot = tokio::select! {
            biased;
            () = cancelled.cancelled() => return TurnEnd {
                outcome: Err(TurnFailure::Cancelled),
                receipts: Vec::new(),
            },
            slot = self.0.engine_slots.get(&input.share) => slot,
        };
        let limits = Arc::new(self.0.limits.within(&input.limits));
        let (session, config) = Session::begin(self.clone(), limits, engine.digest(), input);
        let session = Arc::new(session);
        let tools_end = session.cancel.clone().drop_guard();
        let scope = Scope::new(
            Arc::clone(&session),
            Arc::clone(&session.limits),
            session.turn_id.to_string(),
            KvOwner(None),
            Grants::all(),
            config,
        );
        let budget = Budget::turn(&session.limits);
        let work = RunTurn(engine.pre());
        let span = call::span!("engine", component = %engine.digest());
        let running = call::run(&self.0.engine, budget, scope, &session.cancel, work);
        let end = running.instrument(span.clone()).await;
        drop(tools_end);
        session.tools.close();
        session.tools.wait().await;
        let (outcome, ended) = match end.answer {
            // A lookup of a tool may have found the lease gone after the engine's last call.
            _ if session.lost_lease() => (Err(TurnFailure::LeaseLost), Ended::CANCELLED),
            Ok(Ok(())) => {
                let overlay = session.take_overlay().await;
                let overlay = redacted::overlay(&session.redactor, overlay);
                (Ok(overlay), Ended::OK)
            }
            Ok(Err(error)) => (Err(error.into()), Ended::GUEST_ERROR),
            Err(failure) => {
                let ended = failure.ended();
                (Err(failure.into()), ended)
            }
        };
        let outcome = outcome.map_err(|failure| redacted::failure(&session.redactor, failure));
        let receipt = end.cost.receipt(Invocation::Engine, engine.digest(), ended);
        call::record(&span, &receipt);
        let mut receipts = vec![receipt];
        receipts.append(&mut session.changes().receipts);
        TurnEnd { outcome, receipts }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.0.limits)
    }

    /// What a call that asks for this much may take.
    pub(super) fn limits_within(&self, asked: &LimitSet) -> Limits {
        self.0.limits.within(asked)
    }

    /// The way out for requests.
    pub(super) fn egress(&self) -> &Egress {
        &self.0.egress
    }

    /// A slot for a tool of a turn of this share; waits for one.
    pub(super) async fn tool_slot(&self, share: &Digest) -> Slot<Digest> {
        self.0.tool_slots.get(share).await
    }

    /// What of the host is taken at the moment, by name: slots, who waits for one, and what the pool of instances holds.
    #[must_use]
    pub fn taken(&self) -> Vec<(&'static str, u64)> {
        let (engines, tools) = (self.0.engine_slots.taken(), self.0.tool_slots.taken());
        let mut taken = vec![
            ("engine_slots", u64::from(engines.held)),
            ("engine_slots_waiting", u64::from(engines.waiting)),
            ("tool_slots", u64::from(tools.held)),
            ("tool_slots_waiting", u64::from(tools.waiting)),
        ];
        if let Some(pool) = self.0.engine.pooling_allocator_metrics() {
            let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            taken.extend([
                ("pool_component_instances", pool.component_instances()),
                ("pool_core_instances", pool.core_instances()),
                ("pool_memories", count(pool.memories())),
                ("pool_tables", count(pool.tables())),
                ("pool_stacks", count(pool.stacks())),
                ("pool_warm_memories", u64::from(pool.unused_warm_memories())),
            ]);
        }
        taken
    }

    /// Check a tool's arguments against its schema, which is compiled once. On a thread for blocking
    /// work, a few at a time, but for what is done sooner than handed over.
    pub(super) async fn check_arguments(
        &self,
        offer: &Offer,
        arguments: &str,
    ) -> Result<(), ToolError> {
        let digest = offer.schema_digest();
        if let Some(compiled) = self.0.schemas.get(&digest)
            && compiled.is_quick(arguments)
        {
            return compiled
                .check(arguments)
                .map_err(ToolError::InvalidArguments);
        }
        let broken = || ToolError::Failed("the arguments could not be checked".to_owned());
        let (schema, arguments) = (offer.tool.input_schema.clone(), arguments.to_owned());
        let permit = Arc::clone(&self.0.checks)
            .acquire_owned()
            .await
            .map_err(|_| broken())?;
        let inner = Arc::clone(&self.0);
        let checking = tokio::task::spawn_blocking(move || {
            // Given back when the work ends, even if nobody waits for it any more.
            let _permit = permit;
            let compiled = inner.schema(digest, &schema)?;
            compiled
                .check(&arguments)
                .map_err(ToolError::InvalidArguments)
        });
        checking.await.unwrap_or_else(|_| Err(broken()))
    }
}

impl Inner {
    fn schema(&self, digest: Digest, text: &str) -> Result<Arc<Schema>, ToolError> {
        if let Some(cached) = self.schemas.get(&digest) {
            return Ok(cached);
        }
        let compiled = schema::compile_input(text).map_err(|error| {
            ToolError::Failed(format!("the tool's own schema cannot be used: {error}"))
        })?;
        let compiled = Arc::new(compiled);
        self.schemas.insert(digest, Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// Say once what calls have, and what they have to do without.
fn tell(limits: &Limits, capacity: Capacity) {
    let Capacity {
        engine_slots,
        tool_slots,
        warm_memories,
        reserved_bytes,
        pagemap_scan,
    } = capacity;
    tracing::info!(
        engine_slots,
        tool_slots,
        warm_memories,
        reserved_bytes,
        pagemap_scan,
        "the WebAssembly host is ready"
    );
    if (engine_slots, tool_slots) != (limits.engine_slots, limits.tool_slots) {
        tracing::warn!(
            engine_slots,
            tool_slots,
            asked.engine_slots = limits.engine_slots,
            asked.tool_slots = limits.tool_slots,
            "this machine gives less address space than limits.engine_slots and limits.tool_slots ask for; fewer calls run at once"
        );
    } else if warm_memories != limits.warm_memories {
        tracing::warn!(
            warm_memories,
            asked.warm_memories = limits.warm_memories,
            "this machine gives less address space than limits.warm_memories asks for; calls of many different components begin slower"
        );
    }
    if !pagemap_scan {
        tracing::warn!(
            "the kernel does not tell which pages a call touched (PAGEMAP_SCAN, Linux 6.7); each call takes longer to begin"
        );
    }
}

impl std::fmt::Debug for ComponentHost {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ComponentHost")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl From<CallFailure> for TurnFailure {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Stopped(Stop::Exhausted(limit)) => Self::Exhausted(limit),
            CallFailure::Stopped(Stop::LeaseLost) => Self::LeaseLost,
            CallFailure::Stopped(Stop::Cancelled) => Self::Cancelled,
            CallFailure::Stopped(Stop::Misuse(text)) | CallFailure::Trapped(text) => {
                Self::Trap(text)
            }
        }
    }
}
