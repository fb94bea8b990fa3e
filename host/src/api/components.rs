//! How far components are compiled for this version.

use super::{Api, ApiError, Json, Operator};
use crate::artifacts::{self, Failure, KnownPlatform, Progress, Use};
use crate::domain::{AgentKey, Digest, SkillName, TenantId, Timestamp};
use crate::store::StoreError;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(component_status))
}

/// How far the components that agents have are compiled for this control plane's version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComponentStatus {
    /// Of everything that shapes compiled code, the version of wasmtime with it; workers of the same version show the same.
    compatibility: String,
    /// The target triple.
    target: String,
    /// Components that agents have, or may be given.
    total: u64,
    /// Of these, compiled.
    compiled: u64,
    /// Of these, tried in vain. Their agents wait.
    failed: u64,
    /// Of these, still to be compiled. Their agents wait, unless a worker of another version takes their messages.
    remaining: u64,
    /// The latest failures, at most 100.
    failures: Vec<ComponentFailure>,
    /// Every version that compiled code is kept for, the one used last first.
    versions: Vec<ComponentVersion>,
}

/// A component that does not compile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComponentFailure {
    /// The SHA-256 of its bytes.
    #[schema(value_type = String)]
    component: Digest,
    /// Why, in a sentence.
    reason: String,
    /// How often it was tried.
    attempts: u32,
    /// The last time.
    #[schema(value_type = i64)]
    failed_at: Timestamp,
    /// Some of the agents that have it, at most 5.
    used_by: Vec<ComponentUse>,
}

/// Where a component is used.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComponentUse {
    /// Whose.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// Which agent's.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// In which skill; left out for its engine.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    skill: Option<SkillName>,
}

/// A version that compiled code is kept for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComponentVersion {
    /// As above.
    compatibility: String,
    /// The target triple.
    target: String,
    /// Components compiled for it.
    compiled: u64,
    /// When a control plane last led or compiled with it.
    #[schema(value_type = i64)]
    used_at: Timestamp,
}

impl From<Failure> for ComponentFailure {
    fn from(failure: Failure) -> Self {
        let used_by = failure.used_by.into_iter();
        Self {
            component: failure.digest,
            reason: failure.reason,
            attempts: failure.attempts,
            failed_at: failure.failed_at,
            used_by: used_by.map(ComponentUse::from).collect(),
        }
    }
}

impl From<Use> for ComponentUse {
    fn from(used: Use) -> Self {
        Self {
            tenant_id: used.tenant_id,
            agent_key: used.agent_key,
            skill: used.skill_key,
        }
    }
}

impl From<KnownPlatform> for ComponentVersion {
    fn from(known: KnownPlatform) -> Self {
        Self {
            compatibility: known.platform.compatibility,
            target: known.platform.target,
            compiled: known.compiled,
            used_at: known.used_at,
        }
    }
}

/// How far components are compiled for this version. After an upgrade the leading control plane compiles them one by one, those
/// that were used last first.
#[utoipa::path(
    get, path = "/v1/components/status", operation_id = "componentStatus", tag = "components",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "How far it is.", body = ComponentStatus))
)]
async fn component_status(
    State(api): State<Api>,
    _: Operator,
) -> Result<Json<ComponentStatus>, ApiError> {
    let platform = api.admission.platform().clone();
    let wanted = platform.clone();
    let read: Result<(Progress, Vec<KnownPlatform>), StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let progress = artifacts::progress(tx, &wanted).await?;
                Ok((progress, artifacts::platforms(tx).await?))
            })
        })
        .await;
    let (progress, versions) = read?;
    Ok(Json(ComponentStatus {
        compatibility: platform.compatibility,
        target: platform.target,
        total: progress.total,
        compiled: progress.compiled,
        failed: progress.failed,
        remaining: progress.remaining(),
        failures: progress.failures.into_iter().map(Into::into).collect(),
        versions: versions.into_iter().map(Into::into).collect(),
    }))
}
