//! A tenant's secrets: values come in and never out.

use super::{Api, ApiError, Json, Path, TenantAdmin};
use crate::domain::{SecretRef, SecretValue, Timestamp};
use crate::identity;
use crate::secrets::{self, SECRET_BYTES_MAX, SecretError, SecretVersion};
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most versions that are shown, the newest.
const VERSIONS_MAX: u32 = 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(import_secret, secret_status, delete_secret))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct Named {
    /// The secret's name, for example `telegram.botToken.default`: 1 to 128 characters of A-Z, a-z, 0-9, -, _ and .
    #[param(value_type = String)]
    secret_ref: SecretRef,
}

/// A new value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretRequest {
    /// The value; it is sealed at once and not shown again.
    #[schema(value_type = String, format = Password, write_only)]
    value: SecretValue,
}

/// What is known of a secret. Never its value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SecretView {
    /// Its name.
    #[schema(value_type = String)]
    secret_ref: SecretRef,
    /// Whether agents are given it.
    active: bool,
    /// The newest versions first, at most 20.
    versions: Vec<VersionView>,
}

/// One version of a secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    /// Counts from 1.
    version: u32,
    /// Whether agents are given this one.
    active: bool,
    /// When it was imported.
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<SecretVersion> for VersionView {
    fn from(version: SecretVersion) -> Self {
        Self {
            version: version.version,
            active: version.active,
            created_at: version.created_at,
        }
    }
}

fn view(secret_ref: SecretRef, versions: Vec<SecretVersion>) -> Result<SecretView, ApiError> {
    if versions.is_empty() {
        return Err(ApiError::NotFound("secret"));
    }
    Ok(SecretView {
        secret_ref,
        active: versions.iter().any(|version| version.active),
        versions: versions.into_iter().map(VersionView::from).collect(),
    })
}

/// Store a new value under a name. It becomes the active version; the ones before are kept and no longer given to
/// agents. An agent that was held for a bad value is resumed by `resumeAgent`.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/secrets/{secretRef}", operation_id = "importSecret", tag = "secrets",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "It is stored.", body = SecretView))
)]
async fn import_secret(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<Named>,
    Json(SecretRequest { value }): Json<SecretRequest>,
) -> Result<Json<SecretView>, ApiError> {
    let Named { secret_ref } = named;
    if !(1..=SECRET_BYTES_MAX).contains(&value.reveal().len()) {
        return Err(ApiError::Invalid(format!(
            "value must be 1 to {SECRET_BYTES_MAX} bytes"
        )));
    }
    let (key, nonce) = (
        Arc::clone(&api.master_key),
        api.ids.bytes().map_err(StoreError::from)?,
    );
    let named = secret_ref.clone();
    let stored: Result<Option<Vec<SecretVersion>>, SecretError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !identity::tenant_exists(tx, &tenant_id).await? {
                    return Ok(None);
                }
                let value = value.into_inner();
                secrets::import(tx, &key, &tenant_id, &named, &value, nonce).await?;
                let versions = secrets::versions(tx, &tenant_id, &named, VERSIONS_MAX).await?;
                Ok(Some(versions))
            })
        })
        .await;
    let versions = stored?.ok_or(ApiError::NotFound("tenant"))?;
    Ok(Json(view(secret_ref, versions)?))
}

/// Which versions of a secret there are, and whether one is active. Never a value.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/secrets/{secretRef}", operation_id = "secretStatus", tag = "secrets",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "What is known of it.", body = SecretView))
)]
async fn secret_status(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<Named>,
) -> Result<Json<SecretView>, ApiError> {
    let Named { secret_ref } = named;
    let named = secret_ref.clone();
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move { secrets::versions(tx, &tenant_id, &named, VERSIONS_MAX).await })
        })
        .await;
    Ok(Json(view(secret_ref, found?)?))
}

/// Give a secret to no agent any more. Its versions stay, sealed, until they are purged. A second time changes nothing.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenantId}/secrets/{secretRef}", operation_id = "deleteSecret", tag = "secrets",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "No version is active."))
)]
async fn delete_secret(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let Named { secret_ref } = named;
    let retired: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { secrets::deactivate(tx, &tenant_id, &secret_ref).await })
        })
        .await;
    if retired? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("secret"))
    }
}
