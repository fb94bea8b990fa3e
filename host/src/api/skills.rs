//! An agent's skills, uploaded as their folders.

use super::agents::OfAgent;
use super::engines::store_engine;
use super::uploads::{self, Uploaded};
use super::{Api, ApiError, ErrorBody, Json, Path, Query, TenantAdmin};
use crate::domain::{AgentKey, Digest, Grants, SkillName, SkillTool, Timestamp};
use crate::store::StoreError;
use crate::workspace::{
    self, AdmittedSkill, AgentId, EngineOwner, Granting, Skill, SkillAsset, WorkspaceError,
};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_skills))
        .routes(routes!(get_skill))
        .routes(routes!(configure_skill))
        .routes(routes!(grant_skill))
        .routes(routes!(delete_skill))
}

/// The routes that take folders.
pub(super) fn upload_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(put_skill))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct OfSkill {
    /// The agent.
    #[param(value_type = String)]
    agent_key: AgentKey,
    /// The folder's name: 1 to 64 characters of a-z, 0-9 and -.
    #[param(value_type = String)]
    skill_name: SkillName,
}

/// One tool.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolView {
    /// As the model sees it.
    name: String,
    /// For the model.
    description: String,
}

/// What an upload came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadView {
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
    pub(super) fn of(
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
struct SkillView {
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
struct SkillList {
    /// By their names.
    skills: Vec<SkillView>,
}

/// One file of a skill.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileView {
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
struct WholeSkillView {
    /// The skill.
    #[serde(flatten)]
    skill: SkillView,
    /// `SKILL.md`.
    manifest: String,
    /// Every other file.
    files: Vec<FileView>,
}

/// What to change of a skill; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SkillSettings {
    /// Whether the agent may use it.
    enabled: Option<bool>,
    /// Settings it may read, all of them.
    config: Option<BTreeMap<String, String>>,
}

/// What of an upload is granted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// Grant what the folder asks for, also where the agent has the skill already and it changed. Left out, that is
    /// granted to a new skill only, and a changed one runs with nothing until it is granted again (`grantSkill`).
    #[serde(default)]
    grant: bool,
}

/// What somebody grants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SkillGrant {
    /// The `grantDigest` of the skill that was looked at.
    #[schema(value_type = String)]
    grant_digest: Digest,
}

/// Whether something changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedView {
    /// It differs from what was there.
    pub(super) changed: bool,
}

/// Upload a skill as its folder: a tar archive, not compressed, with SKILL.md in it. The component is checked and
/// compiled before anything is stored; the same folder again changes nothing. What a new skill asks for is granted. A component with the engine's world is
/// stored as an engine of the tenant instead.
///
/// By hand: `tar -C examples/dice -cf - . | curl -T - -H 'Content-Type: application/x-tar' ...`.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills/{skillName}", operation_id = "putSkill", tag = "skills",
    params(OfSkill, UploadQuery), security(("bearer" = ["tenant-admin", "operator"])),
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses(
        (status = 200, description = "It is stored.", body = UploadView),
        (status = 409, description = "The agent has too many, or a tool's name is taken.", body = ErrorBody),
    )
)]
async fn put_skill(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfSkill {
        agent_key,
        skill_name: skill,
    }): Path<OfSkill>,
    Query(UploadQuery { grant }): Query<UploadQuery>,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let uploaded = uploads::take(&api, Some(&tenant_id), &skill, request).await?;
    if uploaded.engine().is_some() {
        let owner = EngineOwner::Tenant(tenant_id);
        return store_engine(&api, owner, &uploaded).await.map(Json);
    }
    let admitted = AdmittedSkill {
        folder: uploaded.folder.clone(),
        tools: uploaded
            .admitted
            .as_ref()
            .map(|admitted| admitted.tools.clone())
            .unwrap_or_default(),
    };
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let bounds = api.uploads().bounds();
    let granting = if grant {
        Granting::AsAsked
    } else {
        Granting::WhereNew
    };
    let put: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(
                async move { workspace::skill_put(tx, &agent, &bounds, &admitted, granting).await },
            )
        })
        .await;
    let put = put?;
    Ok(Json(UploadView::of(
        &uploaded,
        "skill",
        (put.changed, put.version),
        put.granted,
    )))
}

/// List an agent's skills.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills", operation_id = "listSkills", tag = "skills",
    params(OfAgent), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "All of them.", body = SkillList))
)]
async fn list_skills(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfAgent { agent_key }): Path<OfAgent>,
) -> Result<Json<SkillList>, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let known = workspace::agent(tx, &agent).await?.is_some();
                Ok((known, workspace::skills(tx, &agent).await?))
            })
        })
        .await;
    let (known, skills) = found?;
    if !known {
        return Err(ApiError::NotFound("agent"));
    }
    Ok(Json(SkillList {
        skills: skills.into_iter().map(SkillView::from).collect(),
    }))
}

/// Read a skill: its SKILL.md, its tools, and what its files are.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills/{skillName}", operation_id = "getSkill", tag = "skills",
    params(OfSkill), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "It.", body = WholeSkillView))
)]
async fn get_skill(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfSkill {
        agent_key,
        skill_name: skill,
    }): Path<OfSkill>,
) -> Result<Json<WholeSkillView>, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { workspace::skill(tx, &agent, &skill).await }))
        .await;
    let (skill, manifest, files) = found?.ok_or(ApiError::NotFound("skill"))?;
    Ok(Json(WholeSkillView {
        skill: skill.into(),
        manifest,
        files: files.into_iter().map(FileView::from).collect(),
    }))
}

/// Switch a skill on or off, or give it other settings. What is left out stays.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills/{skillName}/settings",
    operation_id = "configureSkill", tag = "skills", params(OfSkill), security(("bearer" = ["tenant-admin", "operator"])),
    request_body = SkillSettings,
    responses((status = 200, description = "It is so now.", body = ChangedView))
)]
async fn configure_skill(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfSkill {
        agent_key,
        skill_name: skill,
    }): Path<OfSkill>,
    Json(settings): Json<SkillSettings>,
) -> Result<Json<ChangedView>, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let done: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                let SkillSettings { enabled, config } = settings;
                workspace::skill_configure(tx, &agent, &skill, enabled, config.as_ref()).await
            })
        })
        .await;
    let changed = done?.ok_or(ApiError::NotFound("skill"))?;
    Ok(Json(ChangedView { changed }))
}

/// Grant what a skill asks for, as it was looked at: where it changed since, nothing is granted.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills/{skillName}/grant",
    operation_id = "grantSkill", tag = "skills", params(OfSkill), security(("bearer" = ["tenant-admin", "operator"])),
    request_body = SkillGrant,
    responses(
        (status = 200, description = "It is granted.", body = ChangedView),
        (status = 409, description = "The skill is another one than was looked at.", body = ErrorBody),
    )
)]
async fn grant_skill(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfSkill {
        agent_key,
        skill_name: skill,
    }): Path<OfSkill>,
    Json(SkillGrant { grant_digest }): Json<SkillGrant>,
) -> Result<Json<ChangedView>, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let done: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { workspace::skill_grant(tx, &agent, &skill, grant_digest).await })
        })
        .await;
    let changed = done?.ok_or(ApiError::NotFound("skill"))?;
    Ok(Json(ChangedView { changed }))
}

/// Remove a skill and its files. What it kept in the agent's key-value state stays.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenantId}/agents/{agentKey}/skills/{skillName}", operation_id = "deleteSkill",
    tag = "skills", params(OfSkill), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is gone."))
)]
async fn delete_skill(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfSkill {
        agent_key,
        skill_name: skill,
    }): Path<OfSkill>,
) -> Result<StatusCode, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let done: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| Box::pin(async move { workspace::skill_delete(tx, &agent, &skill).await }))
        .await;
    if done? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("skill"))
    }
}
