//! Skills as they are answered.

use crate::api::uploads::Uploaded;
use crate::domain::{Digest, Grants, SkillName, SkillTool, Timestamp};
use crate::workspace::{Skill, SkillAsset};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One tool.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ToolView {
    /// As the model sees it.
    name: String,
    /// For the model.
    description: String,
}

/// What an upload came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UploadView {
    /// `skill`, or `engine` where the component has the engine's world.
    kind: &'static str,
    /// Its name.
    name: String,
    /// Whether it differs from what was there.
    changed: bool,
    /// Its version.
    version: i64,
    /// The component's SHA-256; none for a skill of instructions only.
    digest: Option<String>,
    /// All files, bytes.
    size_bytes: u64,
    /// How many files, `SKILL.md` included.
    files: usize,
    /// How long the component took to compile, milliseconds; none where it was compiled before.
    compile_ms: Option<u64>,
    /// What the agent can call.
    tools: Vec<ToolView>,
    /// What `config/capabilities.toml` asks for and the skill may use.
    granted: Vec<String>,
    /// What it asks for and must be granted first (`grantSkill`): it changed since it was granted. Until then it runs with
    /// nothing.
    withheld: Vec<String>,
}

impl UploadView {
    pub(in crate::api) fn of(
        uploaded: &Uploaded,
        kind: &'static str,
        (changed, version): (bool, i64),
        all: bool,
    ) -> Self {
        let folder = &uploaded.folder;
        let name = &folder.manifest.name;
        let tools = uploaded
            .admitted
            .iter()
            .flat_map(|admitted| &admitted.tools);
        let (granted, withheld) = granted(&folder.asked, all);
        let bytes = folder
            .files
            .values()
            .map(|bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            .fold(0, u64::saturating_add);
        Self {
            kind,
            name: name.to_string(),
            changed,
            version,
            digest: uploaded
                .admitted
                .as_ref()
                .map(|admitted| admitted.digest.to_string()),
            size_bytes: bytes
                .saturating_add(u64::try_from(folder.manifest_md.len()).unwrap_or(u64::MAX)),
            files: folder.files.len().saturating_add(1),
            compile_ms: uploaded.compile_ms,
            tools: tools.map(|tool| tool_view(name, tool)).collect(),
            granted,
            withheld,
        }
    }
}

fn tool_view(skill: &SkillName, tool: &crate::domain::Tool) -> ToolView {
    let tool = SkillTool {
        skill: skill.clone(),
        tool: tool.clone(),
    };
    ToolView {
        name: tool.full_name(),
        description: tool.tool.description,
    }
}

/// All of it is granted, or withheld.
fn granted(asked: &Grants, all: bool) -> (Vec<String>, Vec<String>) {
    if all {
        (asked.lines(), Vec::new())
    } else {
        (Vec::new(), asked.lines())
    }
}

/// A skill.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SkillView {
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// Grows with each change of its files.
    version: i64,
    /// Whether the agent may use it.
    enabled: bool,
    /// The component's SHA-256; none for a skill of instructions only.
    digest: Option<String>,
    /// What the agent can call.
    tools: Vec<ToolView>,
    /// What it asks for and may use.
    granted: Vec<String>,
    /// What it asks for and must be granted first (`grantSkill`).
    withheld: Vec<String>,
    /// What a grant of it is fixed by: a digest over what it asks for and its component.
    grant_digest: String,
    /// What a call of it asks to take, by the names of limits.
    limits: BTreeMap<String, u64>,
    /// Settings it may read.
    config: BTreeMap<String, String>,
    /// When it was changed last.
    #[schema(value_type = i64)]
    updated_at: Timestamp,
}

impl From<Skill> for SkillView {
    fn from(skill: Skill) -> Self {
        let (granted, withheld) = granted(&skill.grants, skill.granted);
        Self {
            granted,
            withheld,
            grant_digest: skill.grant.to_string(),
            tools: skill
                .tools
                .iter()
                .map(|tool| tool_view(&skill.name, tool))
                .collect(),
            name: skill.name.to_string(),
            description: skill.description,
            version: skill.version,
            enabled: skill.enabled,
            digest: skill.component.as_ref().map(Digest::to_string),
            limits: skill.limits.named(),
            config: skill.config,
            updated_at: skill.updated_at,
        }
    }
}

/// An agent's skills.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SkillList {
    /// By their names.
    pub(super) skills: Vec<SkillView>,
}

/// One file of a skill.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct FileView {
    /// Where it lies in the folder.
    path: String,
    /// `component`, `script`, `config`, `reference` or `asset`. Only the component ever runs.
    kind: String,
    /// Its SHA-256.
    digest: String,
    /// Its size, bytes.
    size_bytes: i64,
}

impl From<SkillAsset> for FileView {
    fn from(asset: SkillAsset) -> Self {
        Self {
            path: asset.path,
            kind: asset.kind,
            digest: asset.digest,
            size_bytes: asset.size_bytes,
        }
    }
}

/// A skill with its files.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct WholeSkillView {
    /// The skill.
    #[serde(flatten)]
    skill: SkillView,
    /// `SKILL.md`.
    manifest: String,
    /// Every other file.
    files: Vec<FileView>,
}

impl WholeSkillView {
    pub(in crate::api) fn new((skill, manifest, files): (Skill, String, Vec<SkillAsset>)) -> Self {
        Self {
            skill: skill.into(),
            manifest,
            files: files.into_iter().map(FileView::from).collect(),
        }
    }
}
