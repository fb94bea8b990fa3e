//! An agent's skills, uploaded as their folders.

mod views;

use super::agents::OfAgent;
use super::engines::store_engine;
use super::uploads;
use super::{Api, ApiError, ErrorBody, Json, Path, Query, TenantAdmin};
use crate::domain::{AgentKey, Digest, SkillName, TenantId};
use crate::store::StoreError;
use crate::workspace::{self, AdmittedSkill, AgentId, EngineOwner, Granting, WorkspaceError};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use views::{SkillList, SkillView, WholeSkillView};

pub(super) use views::UploadView;

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

impl OfSkill {
    /// Whose skill, and which.
    fn of(self, tenant_id: TenantId) -> (AgentId, SkillName) {
        let Self {
            agent_key,
            skill_name,
        } = self;
        let agent = AgentId {
            tenant_id,
            agent_key,
        };
        (agent, skill_name)
    }
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
    Path(of_skill): Path<OfSkill>,
    Query(UploadQuery { grant }): Query<UploadQuery>,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let (agent, skill) = of_skill.of(tenant_id);
    let uploaded = uploads::take(&api, Some(&agent.tenant_id), &skill, request).await?;
    if uploaded.engine().is_some() {
        let owner = EngineOwner::Tenant(agent.tenant_id);
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
    Path(of_skill): Path<OfSkill>,
) -> Result<Json<WholeSkillView>, ApiError> {
    let (agent, skill) = of_skill.of(tenant_id);
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { workspace::skill(tx, &agent, &skill).await }))
        .await;
    let skill = found?.ok_or(ApiError::NotFound("skill"))?;
    Ok(Json(WholeSkillView::new(skill)))
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
    Path(of_skill): Path<OfSkill>,
    Json(settings): Json<SkillSettings>,
) -> Result<Json<ChangedView>, ApiError> {
    let (agent, skill) = of_skill.of(tenant_id);
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
    Path(of_skill): Path<OfSkill>,
    Json(SkillGrant { grant_digest }): Json<SkillGrant>,
) -> Result<Json<ChangedView>, ApiError> {
    let (agent, skill) = of_skill.of(tenant_id);
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
    Path(of_skill): Path<OfSkill>,
) -> Result<StatusCode, ApiError> {
    let (agent, skill) = of_skill.of(tenant_id);
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
