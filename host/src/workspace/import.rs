//! Storing a workspace, so that importing it again changes nothing.

use super::read::SkillFolder;
use super::sql;
use crate::artifacts;
use crate::domain::{AgentKey, AgentModels, Digest, DocumentPath, Pool, SecretRef, TenantId, Tool};
use crate::store::{StoreError, Tx};
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

/// A skill whose component, if it has one, was checked, described and compiled.
#[derive(Clone, Debug)]
pub struct AdmittedSkill {
    /// As it lay on disk.
    pub folder: SkillFolder,
    /// What its component offers; empty for a skill of instructions only.
    pub tools: Vec<Tool>,
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

/// Store the agent, its documents and its skills. A document is written only where its file changed since the last
/// import and the agent has not written to it, and removed only where its file is gone and the agent has not either.
///
/// # Errors
/// Where the database does not answer.
pub async fn import(tx: &mut Tx, import: &Import) -> Result<Imported, StoreError> {
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
    let whose = sql::Whose {
        tenant_id: &agent.tenant_id,
        agent_key: &agent.agent_key,
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
    for skill in &import.skills {
        imported.skills += skill_put(tx, &whose, now, skill).await?;
    }
    let names: Vec<_> = import
        .skills
        .iter()
        .map(|skill| &skill.folder.manifest.name)
        .collect();
    imported.skills += sql::skills_remove_others(tx, &whose, &json(&names)?).await?;
    changed += imported.documents + imported.skills;
    if changed > 0 {
        sql::snapshot_forget(tx, &whose).await?;
    }
    Ok(imported)
}

async fn skill_put(
    tx: &mut Tx,
    whose: &sql::Whose<'_>,
    now: crate::domain::Timestamp,
    skill: &AdmittedSkill,
) -> Result<u64, StoreError> {
    let folder = &skill.folder;
    let component = match &folder.component {
        Some((path, bytes)) => {
            let digest = artifacts::put(tx, now, bytes).await?;
            Some((
                path.as_str(),
                digest,
                i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            ))
        }
        None => None,
    };
    let row = sql::Skill {
        name: &folder.manifest.name,
        description: &folder.manifest.description,
        manifest_md: &folder.manifest_md,
        component: component.map(|(_, digest, _)| digest),
        tools: if component.is_some() {
            Some(json(&skill.tools)?)
        } else {
            None
        },
        // Whoever runs the import is the one who grants: what the folder asks for is granted as asked.
        grants: json(&folder.asked)?,
    };
    let changed = sql::skill_put(tx, whose, now, &row).await?;
    if component.is_none() {
        sql::component_assets_remove(tx, whose, row.name).await?;
    }
    if let Some((path, digest, size)) = component {
        sql::component_asset_put(tx, whose, now, row.name, path, digest, size).await?;
    }
    Ok(changed)
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt("workspace"))
}
