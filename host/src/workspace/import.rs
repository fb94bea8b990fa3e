//! Storing a workspace, so that importing it again changes nothing.

use super::agents::{AgentId, forget_snapshot, json};
use super::error::WorkspaceError;
use super::folder::Bounds;
use super::skills::{AdmittedSkill, Granting, skill_put};
use super::sql;
use crate::artifacts;
use crate::domain::{AgentKey, AgentModels, Digest, DocumentPath, Pool, SecretRef, TenantId};
use crate::store::Tx;
use std::collections::BTreeMap;

/// An agent's profile (`configureAgent`).
#[derive(Clone, Debug)]
pub struct Agent {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub agent_key: AgentKey,
    /// Whose workers run it.
    pub pool: Pool,
    /// The engine adapter's name, for people.
    pub engine_name: String,
    /// The engine adapter.
    pub engine: Vec<u8>,
    /// For dates in the prompt and the names of notes, for example `Europe/Rome`.
    pub time_zone: String,
    /// Settings the engine may read (`runtimeConfig`).
    pub runtime_config: BTreeMap<String, String>,
    /// The secrets this agent may name (`secretsRef`).
    pub secrets_ref: Vec<SecretRef>,
    /// The models its engine may ask, preferred first.
    pub models: AgentModels,
}

/// What to store.
#[derive(Clone, Debug)]
pub struct Import {
    /// The agent.
    pub agent: Agent,
    /// Its documents.
    pub documents: Vec<(DocumentPath, String)>,
    /// Its skills: these and no others.
    pub skills: Vec<AdmittedSkill>,
}

/// What an import changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Documents written or removed.
    pub documents: u64,
    /// Skills written or removed.
    pub skills: u64,
    /// Documents that the folder and the agent both changed: the agent's were kept.
    pub kept: Vec<DocumentPath>,
}

/// Store the agent, its documents and its skills, which are granted what they ask for: this is for the program of somebody
/// who is the operator of this machine, and for nobody else. A document is written only where its file changed since the last
/// import and the agent has not written to it, and removed only where its file is gone and the agent has not either.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn import(
    tx: &mut Tx,
    bounds: &Bounds,
    import: &Import,
) -> Result<Imported, WorkspaceError> {
    let now = tx.now().await?;
    let agent = &import.agent;
    let engine = artifacts::put(tx, now, &agent.engine).await?;
    sql::tenant_put(tx, &agent.tenant_id, now).await?;
    let profile = sql::Profile {
        pool: &agent.pool,
        engine_name: &agent.engine_name,
        engine_digest: engine,
        time_zone: &agent.time_zone,
        runtime_config: json(&agent.runtime_config)?,
        secrets_ref: json(&agent.secrets_ref)?,
        models: json(&agent.models)?,
    };
    let whose = AgentId {
        tenant_id: agent.tenant_id.clone(),
        agent_key: agent.agent_key.clone(),
    };
    let mut changed = sql::profile_put(tx, &whose, now, &profile).await?;
    let mut imported = Imported::default();
    let mut files = Vec::with_capacity(import.documents.len());
    for (path, content) in &import.documents {
        let hash = Digest::of(content.as_bytes());
        imported.documents += sql::document_import(tx, &whose, now, path, content, hash).await?;
        files.push((path, hash));
    }
    imported.kept = sql::documents_kept(tx, &whose, &json(&files)?).await?;
    let paths: Vec<&DocumentPath> = import.documents.iter().map(|(path, _)| path).collect();
    imported.documents += sql::documents_remove_others(tx, &whose, &json(&paths)?).await?;
    let names: Vec<_> = import
        .skills
        .iter()
        .map(|skill| &skill.folder.manifest.name)
        .collect();
    // First those that are gone: their tools' names are free again.
    imported.skills += sql::skills_remove_others(tx, &whose, &json(&names)?).await?;
    for skill in &import.skills {
        let put = skill_put(tx, &whose, bounds, skill, Granting::AsAsked).await?;
        imported.skills += u64::from(put.changed);
    }
    changed += imported.documents + imported.skills;
    if changed > 0 {
        forget_snapshot(tx, &whose).await?;
    }
    Ok(imported)
}
