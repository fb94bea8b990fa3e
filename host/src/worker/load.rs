//! Getting components ready: from the host's cache, or from the control plane, verified.

use super::Worker;
use super::turn::{End, held, refused, retried};
use crate::control::ControlError;
use crate::domain::{Digest, Lease, LimitSet, SecretRef, SecretValue};
use crate::engine::{CompiledComponent, EngineComponent, LoadError, TurnSkill};
use crate::hydration::SnapshotSkill;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Worker {
    pub(super) async fn engine(
        &self,
        lease: &Lease,
        digest: Digest,
    ) -> Result<EngineComponent, End> {
        if let Some(engine) = self.0.host.cached_engine(digest) {
            return Ok(engine);
        }
        let compiled = self.fetch(lease, digest).await?;
        self.0
            .host
            .load_engine(&compiled)
            .await
            .map_err(|error| failed("the agent's engine", &error))
    }

    /// A skill, ready to be called; none for a skill of instructions only.
    pub(super) async fn skill(
        &self,
        lease: &Lease,
        skill: &SnapshotSkill,
        limits: LimitSet,
        secrets: &BTreeMap<SecretRef, SecretValue>,
    ) -> Result<Option<TurnSkill>, End> {
        let Some(digest) = skill.component else {
            return Ok(None);
        };
        let component = match self.0.host.cached_skill(digest) {
            Some(component) => component,
            None => {
                let compiled = self.fetch(lease, digest).await?;
                let loaded = self.0.host.load_skill(&compiled).await;
                loaded.map_err(|error| failed(&format!("the skill {}", skill.name), &error))?
            }
        };
        if !component.offers(&skill.tools) {
            return Err(held(format!(
                "the skill {} offers other tools than its component was admitted with; upload it again",
                skill.name
            )));
        }
        Ok(Some(TurnSkill {
            name: skill.name.clone(),
            component,
            tools: skill.tools.clone(),
            secrets: named(skill, secrets),
            withheld: skill.withheld,
            grants: skill.grants.clone(),
            config: skill.config.clone(),
            limits,
        }))
    }

    async fn fetch(&self, lease: &Lease, digest: Digest) -> Result<Arc<CompiledComponent>, End> {
        match self
            .0
            .plane
            .component(lease, digest, &self.0.platform)
            .await
        {
            Ok(compiled) => Ok(Arc::new(compiled)),
            // Another worker, or this one after a rollout, may have better luck.
            Err(ControlError::Refused(reason)) => Err(retried(reason)),
            Err(error) => Err(refused(error).await),
        }
    }
}

/// Of the turn's secrets, those that a skill's credentials name: no skill's call holds another's.
fn named(
    skill: &SnapshotSkill,
    secrets: &BTreeMap<SecretRef, SecretValue>,
) -> BTreeMap<SecretRef, SecretValue> {
    let names = skill.grants.http.secrets();
    names
        .filter_map(|name| Some((name.clone(), secrets.get(name)?.clone())))
        .collect()
}

/// A component that was changed after it was signed is for a person to look at; anything else may be this worker's own
/// trouble.
fn failed(what: &str, error: &LoadError) -> End {
    let reason = format!("{what} cannot be loaded: {error}");
    match error {
        LoadError::Untrusted(_) => held(reason),
        LoadError::Incompatible { .. } | LoadError::Unusable { .. } => retried(reason),
    }
}
