//! API tokens: the operator's, of every scope, and those that a tenant's administrator gives to its apps.

use super::query::next_cursor;
use super::{Api, ApiError, Json, Operator, Paging, Path, Query, TenantAdmin};
use crate::domain::{Pool, TenantId, Timestamp, TokenId};
use crate::identity::{self, ApiToken, NewToken, TokenError, TokenInfo, TokenScope};
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest a token that expires is good for, days.
const EXPIRES_IN_DAYS_MAX: u32 = 3650;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_token, list_tokens))
        .routes(routes!(revoke_token))
        .routes(routes!(create_app_token, list_app_tokens))
        .routes(routes!(revoke_app_token))
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    /// Everything but the work of a worker.
    Operator,
    /// One tenant's agents, skills and secrets, and all an app may.
    TenantAdmin,
    /// Enqueue and read, for one tenant.
    App,
    /// The work of one pool.
    Worker,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    /// What it opens.
    scope: Scope,
    /// Whose; for `tenant-admin` and `app`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// Whose conversations; for `worker`, `default` where it is left out.
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// For people: where it is used; at most 200 bytes.
    #[serde(default)]
    name: String,
    /// Good for so many days, 1 to 3650; until it is revoked where it is left out.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// A token for an app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AppTokenRequest {
    /// For people: where it is used; at most 200 bytes.
    #[serde(default)]
    name: String,
    /// Good for so many days, 1 to 3650; until it is revoked where it is left out.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// What is known of a token. Never the token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenView {
    /// Its name, which opens nothing.
    #[schema(value_type = String)]
    token_id: TokenId,
    /// What it opens.
    scope: Scope,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// Whose conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// For people: where it is used.
    name: String,
    /// When it was made.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// Unknown from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    revoked_at: Option<Timestamp>,
}

/// A token that was made, with the token itself: it is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeToken {
    /// The token: send it as `Authorization: Bearer <token>`.
    token: String,
    #[serde(flatten)]
    info: TokenView,
}

/// Some of the tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenPage {
    /// Newest first.
    tokens: Vec<TokenView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<TokenInfo> for TokenView {
    fn from(info: TokenInfo) -> Self {
        let (scope, tenant_id, pool) = match info.scope {
            TokenScope::Operator => (Scope::Operator, None, None),
            TokenScope::TenantAdmin { tenant_id } => (Scope::TenantAdmin, Some(tenant_id), None),
            TokenScope::App { tenant_id } => (Scope::App, Some(tenant_id), None),
            TokenScope::Worker { pool } => (Scope::Worker, None, Some(pool)),
        };
        Self {
            token_id: info.token_id,
            scope,
            tenant_id,
            pool,
            name: info.name,
            created_at: info.created_at,
            expires_at: info.expires_at,
            revoked_at: info.revoked_at,
        }
    }
}

impl TokenRequest {
    fn scope(&self) -> Result<TokenScope, ApiError> {
        let invalid = |text: &str| Err(ApiError::Invalid(text.to_owned()));
        match (self.scope, self.tenant_id.clone(), self.pool.clone()) {
            (Scope::Operator, None, None) => Ok(TokenScope::Operator),
            (Scope::TenantAdmin, Some(tenant_id), None) => {
                Ok(TokenScope::TenantAdmin { tenant_id })
            }
            (Scope::App, Some(tenant_id), None) => Ok(TokenScope::App { tenant_id }),
            (Scope::Worker, None, pool) => Ok(TokenScope::Worker {
                pool: pool.unwrap_or_default(),
            }),
            (Scope::Operator, ..) => invalid("the scope operator takes no tenantId and no pool"),
            (Scope::Worker, ..) => invalid("the scope worker takes a pool and no tenantId"),
            (Scope::TenantAdmin | Scope::App, ..) => {
                invalid("the scopes tenant-admin and app take a tenantId and no pool")
            }
        }
    }
}

async fn make(
    api: &Api,
    scope: TokenScope,
    name: String,
    expires_in_days: Option<u32>,
) -> Result<(StatusCode, Json<MadeToken>), ApiError> {
    if expires_in_days.is_some_and(|days| !(1..=EXPIRES_IN_DAYS_MAX).contains(&days)) {
        return Err(ApiError::Invalid(format!(
            "expiresInDays must be 1 to {EXPIRES_IN_DAYS_MAX} days"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(ApiError::Invalid(
            "a token's name has no control characters".to_owned(),
        ));
    }
    let token_id = api.ids.token().map_err(StoreError::from)?;
    let bytes = api.ids.bytes().map_err(StoreError::from)?;
    let token = ApiToken::from_random(&scope, bytes);
    let (id, secret) = (token_id.clone(), token.clone());
    let made: Result<Option<TokenInfo>, TokenError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                let lifetime = expires_in_days.map(|days| Duration::from_hours(24) * days);
                let now = tx.now().await?;
                let new = NewToken {
                    scope,
                    name,
                    expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
                };
                identity::token_put(tx, &id, &secret, &new).await?;
                Ok(identity::token_by_id(tx, &id).await?)
            })
        })
        .await;
    let info = made?.ok_or(ApiError::Internal)?;
    tracing::info!(token_id = %info.token_id, scope = info.scope.name(), "made an API token");
    let made = MadeToken {
        token: token.reveal().to_owned(),
        info: info.into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn page(
    api: &Api,
    tenant: Option<TenantId>,
    paging: &Paging,
) -> Result<Json<TokenPage>, ApiError> {
    let (limit, before) = (paging.limit()?, paging.cursor::<TokenId>()?);
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let limit = limit.saturating_add(1);
                identity::tokens(tx, tenant.as_ref(), before.as_ref(), limit).await
            })
        })
        .await;
    let mut tokens = found?;
    let next_cursor = next_cursor(&mut tokens, limit, |token| token.token_id.to_string());
    Ok(Json(TokenPage {
        tokens: tokens.into_iter().map(TokenView::from).collect(),
        next_cursor,
    }))
}

/// Make a token of any scope. It is answered this once, and stored hashed.
#[utoipa::path(
    post, path = "/v1/tokens", operation_id = "createToken", tag = "tokens",
    security(("bearer" = ["operator"])),
    responses(
        (status = 201, description = "It is made.", body = MadeToken),
        (status = 404, description = "There is no such tenant.", body = super::ErrorBody),
    )
)]
async fn create_token(
    State(api): State<Api>,
    _: Operator,
    Json(request): Json<TokenRequest>,
) -> Result<(StatusCode, Json<MadeToken>), ApiError> {
    let scope = request.scope()?;
    make(&api, scope, request.name, request.expires_in_days).await
}

/// List the tokens of every scope, newest first, revoked ones too.
#[utoipa::path(
    get, path = "/v1/tokens", operation_id = "listTokens", tag = "tokens",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "A page of them.", body = TokenPage))
)]
async fn list_tokens(
    State(api): State<Api>,
    _: Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<TokenPage>, ApiError> {
    page(&api, None, &paging).await
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct Named {
    /// The token's name, as it is listed.
    #[param(value_type = String)]
    token_id: TokenId,
}

/// Revoke a token, for good. A second time changes nothing.
#[utoipa::path(
    delete, path = "/v1/tokens/{tokenId}", operation_id = "revokeToken", tag = "tokens",
    security(("bearer" = ["operator"])),
    responses((status = 204, description = "It opens nothing any more."))
)]
async fn revoke_token(
    State(api): State<Api>,
    _: Operator,
    Path(Named { token_id }): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let revoked: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { identity::token_revoke(tx, &token_id).await }))
        .await;
    if revoked? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("token"))
    }
}

/// Make a token for an app of the tenant. It is answered this once, and stored hashed.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/tokens", operation_id = "createAppToken", tag = "tokens",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 201, description = "It is made.", body = MadeToken))
)]
async fn create_app_token(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Json(request): Json<AppTokenRequest>,
) -> Result<(StatusCode, Json<MadeToken>), ApiError> {
    let scope = TokenScope::App { tenant_id };
    make(&api, scope, request.name, request.expires_in_days).await
}

/// List the tenant's tokens, newest first, revoked ones too.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/tokens", operation_id = "listAppTokens", tag = "tokens",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = TokenPage))
)]
async fn list_app_tokens(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(paging): Query<Paging>,
) -> Result<Json<TokenPage>, ApiError> {
    page(&api, Some(tenant_id), &paging).await
}

/// Revoke a token of one of the tenant's apps, for good. A second time changes nothing.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenantId}/tokens/{tokenId}", operation_id = "revokeAppToken", tag = "tokens",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It opens nothing any more."))
)]
async fn revoke_app_token(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(Named { token_id }): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let revoked: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                let app = TokenScope::App { tenant_id };
                match identity::token_by_id(tx, &token_id).await? {
                    Some(info) if info.scope == app => identity::token_revoke(tx, &token_id).await,
                    _ => Ok(false),
                }
            })
        })
        .await;
    if revoked? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("token of an app"))
    }
}
