//! Loaded components, kept for the next turn.

use super::compile::ComponentKind;
use super::component::{EngineComponent, SkillComponent};
use crate::domain::Digest;
use moka::sync::Cache;

/// The cache counts in units of this many bytes: it has 32 bits for one entry.
const UNIT: u64 = 1 << 10;

/// The components that were used last, bounded by their compiled code, engines and skills together.
/// A component that is in use stays in memory when it leaves the cache.
pub(super) struct ComponentCache(Cache<(ComponentKind, Digest), Loaded>);

#[derive(Clone)]
enum Loaded {
    Engine(EngineComponent),
    Skill(SkillComponent),
}

impl ComponentCache {
    /// A cache of at most `bytes` bytes of compiled code.
    pub(super) fn new(bytes: u64) -> Self {
        let weigh = |_: &(ComponentKind, Digest), loaded: &Loaded| {
            let bytes = match loaded {
                Loaded::Engine(engine) => engine.code_bytes(),
                Loaded::Skill(skill) => skill.code_bytes(),
            };
            u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
        };
        // The one that was used longest ago goes first: a turn that has just loaded a component is
        // about to use it again.
        let cache = Cache::builder()
            .weigher(weigh)
            .max_capacity(bytes / UNIT)
            .eviction_policy(moka::policy::EvictionPolicy::lru());
        Self(cache.build())
    }

    pub(super) fn engine(&self, digest: Digest) -> Option<EngineComponent> {
        match self.0.get(&(ComponentKind::Engine, digest))? {
            Loaded::Engine(engine) => Some(engine),
            Loaded::Skill(_) => None,
        }
    }

    pub(super) fn skill(&self, digest: Digest) -> Option<SkillComponent> {
        match self.0.get(&(ComponentKind::Skill, digest))? {
            Loaded::Skill(skill) => Some(skill),
            Loaded::Engine(_) => None,
        }
    }

    pub(super) fn keep_engine(&self, engine: EngineComponent) {
        let key = (ComponentKind::Engine, engine.digest());
        self.keep(key, Loaded::Engine(engine));
    }

    pub(super) fn keep_skill(&self, skill: SkillComponent) {
        let key = (ComponentKind::Skill, skill.digest());
        self.keep(key, Loaded::Skill(skill));
    }

    /// Loading is rare and takes long, so what is over the bound goes at once.
    fn keep(&self, key: (ComponentKind, Digest), loaded: Loaded) {
        self.0.insert(key, loaded);
        self.0.run_pending_tasks();
    }
}
