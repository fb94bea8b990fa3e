//! What a token opens, for whoever holds it.

use super::caller::Anyone;
use super::{Api, Json};
use crate::identity::TokenScope;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(who_am_i))
}

/// A token, without itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhoView {
    /// A name that opens nothing.
    token_id: String,
    /// `operator`, `tenant-admin`, `app` or `worker`.
    scope: &'static str,
    /// Whose, of a tenant's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    /// Which, of a worker's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
}

/// Read what the token of this request opens.
#[utoipa::path(
    get, path = "/v1/token", operation_id = "whoAmI", tag = "tokens",
    security(("bearer" = ["operator", "tenant-admin", "app", "worker"])),
    responses((status = 200, description = "What it opens.", body = WhoView))
)]
async fn who_am_i(Anyone(info): Anyone) -> Json<WhoView> {
    let (tenant_id, pool) = match &info.scope {
        TokenScope::Operator => (None, None),
        TokenScope::TenantAdmin { tenant_id } | TokenScope::App { tenant_id } => {
            (Some(tenant_id.to_string()), None)
        }
        TokenScope::Worker { pool } => (None, Some(pool.to_string())),
    };
    Json(WhoView {
        token_id: info.token_id.to_string(),
        scope: info.scope.name(),
        tenant_id,
        pool,
    })
}
