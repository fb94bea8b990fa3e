//! Engine adapters, uploaded as folders like skills: a tenant's own, and those the operator ships for all.

use super::skills::UploadView;
use super::uploads::{self, Uploaded};
use super::{Api, ApiError, ErrorBody, Json, Operator, Path, TenantAdmin};
use crate::domain::{SkillName, Timestamp};
use crate::store::StoreError;
use crate::workspace::{self, Engine, EngineOwner, NewEngine, WorkspaceError};
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_engines))
}

/// The routes that take folders.
pub(super) fn upload_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(upload_engine))
        .routes(routes!(ship_engine))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct OfEngine {
    /// The folder's name: 1 to 64 characters of a-z, 0-9 and -.
    #[param(value_type = String)]
    engine_name: SkillName,
}

/// A version of an engine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EngineView {
    /// Its name.
    name: String,
    /// The operator ships it.
    shared: bool,
    /// Grows with each upload that changes it.
    version: i64,
    /// The component's SHA-256; an agent is pinned to it.
    digest: String,
    /// What it is for.
    description: String,
    /// The component, bytes.
    size_bytes: i64,
    /// When it was uploaded.
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<Engine> for EngineView {
    fn from(engine: Engine) -> Self {
        Self {
            name: engine.name,
            shared: engine.shared,
            version: engine.version,
            digest: engine.digest.to_string(),
            description: engine.description,
            size_bytes: engine.size_bytes,
            created_at: engine.created_at,
        }
    }
}

/// The engines a tenant may choose.
#[derive(Debug, Serialize, ToSchema)]
struct EngineList {
    /// By their names, the newest version first.
    engines: Vec<EngineView>,
}

/// Upload an engine of this tenant as its folder, like a skill's. Agents stay with the version they have until they are
/// configured anew.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/engines/{engineName}", operation_id = "uploadEngine", tag = "engines",
    params(OfEngine), security(("bearer" = ["tenant-admin", "operator"])),
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses(
        (status = 200, description = "It is stored.", body = UploadView),
        (status = 409, description = "There are too many.", body = ErrorBody),
    )
)]
async fn upload_engine(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfEngine {
        engine_name: engine,
    }): Path<OfEngine>,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let uploaded = uploads::take(&api, Some(&tenant_id), &engine, request).await?;
    store_engine(&api, EngineOwner::Tenant(tenant_id), &uploaded)
        .await
        .map(Json)
}

/// Upload an engine that every tenant may choose.
#[utoipa::path(
    put, path = "/v1/engines/{engineName}", operation_id = "shipEngine", tag = "engines",
    params(OfEngine), security(("bearer" = ["operator"])),
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses(
        (status = 200, description = "It is stored.", body = UploadView),
        (status = 409, description = "There are too many.", body = ErrorBody),
    )
)]
async fn ship_engine(
    State(api): State<Api>,
    _: Operator,
    Path(OfEngine {
        engine_name: engine,
    }): Path<OfEngine>,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let uploaded = uploads::take(&api, None, &engine, request).await?;
    store_engine(&api, EngineOwner::Operator, &uploaded)
        .await
        .map(Json)
}

/// List the engines this tenant may choose: its own and the operator's.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/engines", operation_id = "listEngines", tag = "engines",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "All of them.", body = EngineList))
)]
async fn list_engines(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
) -> Result<Json<EngineList>, ApiError> {
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { workspace::engines(tx, &tenant_id).await }))
        .await;
    Ok(Json(EngineList {
        engines: found?.into_iter().map(EngineView::from).collect(),
    }))
}

/// Store what was uploaded as an engine; refuses what is none.
pub(super) async fn store_engine(
    api: &Api,
    owner: EngineOwner,
    uploaded: &Uploaded,
) -> Result<UploadView, ApiError> {
    let (_, component) = uploaded.engine().ok_or_else(|| {
        let text = "this folder is a skill's: an engine's component exports agent-factory:guest/adapter; upload it as a \
             skill of an agent";
        ApiError::Invalid(text.to_owned())
    })?;
    if uploaded.folder.asks() {
        let text = "an engine has all of its agent's state, and takes what its agent's limits say; remove \
             config/capabilities.toml, and set limits with `agent-factory agent configure --limit`";
        return Err(ApiError::Invalid(text.to_owned()));
    }
    let manifest = &uploaded.folder.manifest;
    let engine = NewEngine {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        component,
    };
    let bounds = api.uploads().engines();
    let put: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { workspace::engine_put(tx, &owner, &engine, bounds).await })
        })
        .await;
    // An engine has what every engine has, and asks for nothing.
    Ok(UploadView::of(uploaded, "engine", put?, true))
}
