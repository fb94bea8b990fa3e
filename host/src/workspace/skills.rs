//! One skill of an agent: put, read, listed, switched and removed by itself.

use super::agents::{self, AgentId, check_settings, digest, json};
use super::error::WorkspaceError;
use super::files::AssetKind;
use super::folder::{Bounds, SkillFolder};
use super::skill_rows;
use crate::artifacts;
use crate::domain::{Digest, Grants, LimitSet, SkillName, SkillTool, Timestamp, Tool};
use crate::store::{StoreError, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// A skill whose component, if it has one, was checked, described and compiled.
#[derive(Clone, Debug)]
pub struct AdmittedSkill {
    /// Its files.
    pub folder: SkillFolder,
    /// What its component offers; empty for a skill of instructions only.
    pub tools: Vec<Tool>,
}

/// What an upload grants of what the folder asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granting {
    /// All of it: whoever uploads it has looked at it.
    AsAsked,
    /// All of it where the agent has no such skill yet. Once it has, what the skill asks for and its component stay as
    /// they were granted, or nothing is granted until somebody grants it again.
    WhereNew,
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkillPut {
    /// The skill is another one now.
    pub changed: bool,
    /// Its version.
    pub version: i64,
    /// What it asks for is granted; if not, it runs with nothing.
    pub granted: bool,
}

/// A skill, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// Its name.
    pub name: SkillName,
    /// What it is for.
    pub description: String,
    /// Grows with each change of its files.
    pub version: i64,
    /// Whether the agent may use it.
    pub enabled: bool,
    /// Its component; none for a skill of instructions only.
    pub component: Option<Digest>,
    /// What the component offers.
    pub tools: Vec<Tool>,
    /// What it asks for.
    pub grants: Grants,
    /// What a call of it asks for.
    pub limits: LimitSet,
    /// Whether that is granted; if not, it runs with nothing.
    pub granted: bool,
    /// The digest that a grant of it is fixed by.
    pub grant: Digest,
    /// Settings it may read.
    pub config: BTreeMap<String, String>,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// One file of a skill.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SkillAsset {
    /// Where it lies in the folder.
    #[sqlx(rename = "asset_path")]
    pub path: String,
    /// What it is for.
    pub kind: String,
    /// Its bytes' digest.
    pub digest: String,
    /// Its size, bytes.
    pub size_bytes: i64,
}

/// Store a skill as its folder is now (`putSkill`). The same folder again changes nothing but what is granted.
/// A running turn goes on with what it began with.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn skill_put(
    tx: &mut Tx,
    agent: &AgentId,
    bounds: &Bounds,
    skill: &AdmittedSkill,
    granting: Granting,
) -> Result<SkillPut, WorkspaceError> {
    agents::lock(tx, agent).await?;
    let folder = &skill.folder;
    let name = &folder.manifest.name;
    let others = skill_rows::tools(tx, agent).await?;
    let known = others.iter().any(|(other, _)| other == name);
    let max = u64::from(bounds.skills);
    if !known && u64::try_from(others.len()).unwrap_or(u64::MAX) >= max {
        return Err(WorkspaceError::TooMany {
            what: "skills".to_owned(),
            max,
            bound: "uploads.skills",
        });
    }
    check_names(skill, &others)?;
    let digests = folder.digests();
    let component = folder.component.as_ref().and_then(|path| digests.get(path));
    let before = skill_rows::version(tx, agent, name).await?;
    let asked = json(&folder.asked)?;
    let wanted = Grants::digest(&asked, component.map(Digest::to_string).as_deref());
    let grant = match &before {
        // Whoever grants nothing has nothing to look at.
        Some(before) if granting == Granting::WhereNew && !folder.asked.is_none() => {
            before.grant()?
        }
        _ => wanted,
    };
    let granted = grant == wanted;
    let row = skill_rows::SkillRow {
        name,
        description: &folder.manifest.description,
        manifest_md: &folder.manifest_md,
        component: component.copied(),
        tools: component.map(|_| json(&skill.tools)).transpose()?,
        grants: asked,
        grant,
        limits: json(&folder.limits)?,
        files: files_digest(folder, &digests),
    };
    if let Some(before) = &before
        && before.is(&row)
    {
        if before.grant()? != grant {
            skill_rows::grant(tx, agent, name, grant).await?;
            agents::forget_snapshot(tx, agent).await?;
        }
        return Ok(SkillPut {
            changed: false,
            version: before.version,
            granted,
        });
    }
    let now = tx.now().await?;
    // In the order of their digests: two uploads of the same bytes never wait for each other both ways.
    let mut bytes = BTreeMap::new();
    let mut assets = Vec::with_capacity(digests.len());
    for (path, digest) in &digests {
        if let Some(content) = folder.files.get(path) {
            bytes.insert(*digest, content);
            let kind: AssetKind = folder.kind(path);
            assets.push((path.as_str(), kind.as_str(), digest, content.len()));
        }
    }
    for content in bytes.values() {
        artifacts::put(tx, now, content).await?;
    }
    let version = before.map_or(1, |before| before.version.saturating_add(1));
    skill_rows::put(tx, agent, now, &row, version).await?;
    skill_rows::assets_replace(tx, agent, now, name, &json(&assets)?).await?;
    agents::forget_snapshot(tx, agent).await?;
    Ok(SkillPut {
        changed: true,
        version,
        granted,
    })
}

/// Grant what a skill asks for, as it is now (`grantSkill`): `shown` is the digest of what whoever grants it has seen
/// ([`Skill::grant`]). Answers whether that changed anything; none where the agent has no such skill.
///
/// # Errors
/// Where the skill is another one than was seen, or the database does not answer; nothing is changed then.
pub async fn skill_grant(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
    shown: Digest,
) -> Result<Option<bool>, WorkspaceError> {
    agents::lock(tx, agent).await?;
    let found = skill_rows::list(tx, agent, Some(name)).await?;
    let Some(skill) = found.into_iter().next() else {
        return Ok(None);
    };
    if skill.grant != shown {
        return Err(WorkspaceError::OtherGrant(name.clone()));
    }
    if skill.granted {
        return Ok(Some(false));
    }
    skill_rows::grant(tx, agent, name, shown).await?;
    agents::forget_snapshot(tx, agent).await?;
    Ok(Some(true))
}

/// Each tool's full name is one skill's alone: `a-b` and `a` can make the same one of different tools.
fn check_names(
    skill: &AdmittedSkill,
    others: &[(SkillName, Vec<Tool>)],
) -> Result<(), WorkspaceError> {
    let full = |skill: &SkillName, tool: &Tool| {
        let (skill, tool) = (skill.clone(), tool.clone());
        SkillTool { skill, tool }.full_name()
    };
    let name = &skill.folder.manifest.name;
    let own: BTreeSet<String> = skill.tools.iter().map(|tool| full(name, tool)).collect();
    for (other, tools) in others.iter().filter(|(other, _)| other != name) {
        for tool in tools {
            let full = full(other, tool);
            if own.contains(&full) {
                let other = other.clone();
                return Err(WorkspaceError::ToolTwice { name: full, other });
            }
        }
    }
    Ok(())
}

/// Over `SKILL.md` and every file with its path.
fn files_digest(
    folder: &SkillFolder,
    digests: &BTreeMap<&super::files::FilePath, Digest>,
) -> Digest {
    let mut texts = vec!["skill 1".to_owned(), folder.manifest_md.clone()];
    for (path, digest) in digests {
        texts.push(path.to_string());
        texts.push(digest.to_string());
    }
    Digest::of_texts(texts.iter().map(String::as_str))
}

/// An agent's skills by their names.
///
/// # Errors
/// Where the database does not answer.
pub async fn skills(tx: &mut Tx, agent: &AgentId) -> Result<Vec<Skill>, StoreError> {
    skill_rows::list(tx, agent, None).await
}

/// A skill with its `SKILL.md` and its other files; none where the agent has no such skill.
///
/// # Errors
/// Where the database does not answer.
pub async fn skill(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<Option<(Skill, String, Vec<SkillAsset>)>, StoreError> {
    let found = skill_rows::list(tx, agent, Some(name)).await?;
    let Some(skill) = found.into_iter().next() else {
        return Ok(None);
    };
    let manifest_md = skill_rows::manifest(tx, agent, name).await?;
    let assets = skill_rows::assets(tx, agent, name).await?;
    Ok(manifest_md.map(|manifest_md| (skill, manifest_md, assets)))
}

/// Switch a skill on or off, or give it other settings; what is none stays. Answers whether anything changed; none where
/// the agent has no such skill.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn skill_configure(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
    enabled: Option<bool>,
    config: Option<&BTreeMap<String, String>>,
) -> Result<Option<bool>, WorkspaceError> {
    check_settings(config)?;
    agents::lock(tx, agent).await?;
    let found = skill_rows::list(tx, agent, Some(name)).await?;
    let Some(before) = found.into_iter().next() else {
        return Ok(None);
    };
    let enabled = enabled.unwrap_or(before.enabled);
    let config = config.unwrap_or(&before.config);
    if enabled == before.enabled && *config == before.config {
        return Ok(Some(false));
    }
    skill_rows::configure(tx, agent, name, enabled, &json(config)?).await?;
    agents::forget_snapshot(tx, agent).await?;
    Ok(Some(true))
}

/// Remove a skill with its files; answers whether there was one. What it kept in the agent's key-value state stays, for the
/// day it comes back.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn skill_delete(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<bool, WorkspaceError> {
    agents::lock(tx, agent).await?;
    let removed = skill_rows::delete(tx, agent, name).await?;
    if removed {
        agents::forget_snapshot(tx, agent).await?;
    }
    Ok(removed)
}

impl Skill {
    pub(super) fn from_row(row: skill_rows::ListedRow) -> Result<Self, StoreError> {
        let tools = match &row.tools {
            Some(tools) => serde_json::from_str(tools).map_err(StoreError::corrupt("tools"))?,
            None => Vec::new(),
        };
        let grant = Grants::digest(&row.grants, row.component_digest.as_deref());
        let granted = match &row.grant_digest {
            Some(granted) => digest(granted)? == grant,
            None => true,
        };
        Ok(Self {
            granted,
            grant,
            name: row.skill_key,
            description: row.description,
            version: row.version,
            enabled: row.enabled == 1,
            component: row.component_digest.as_deref().map(digest).transpose()?,
            tools,
            grants: serde_json::from_str(&row.grants).map_err(StoreError::corrupt("grants"))?,
            limits: serde_json::from_str(&row.limits).map_err(StoreError::corrupt("limits"))?,
            config: serde_json::from_str(&row.config).map_err(StoreError::corrupt("config"))?,
            updated_at: row.updated_at,
        })
    }
}
