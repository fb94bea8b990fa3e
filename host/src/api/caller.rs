//! Who asks: a handler names the least it needs by the type it takes, and is not run for anybody else.

use super::{Api, ApiError};
use crate::domain::{Pool, TenantId, TokenId};
use crate::identity::{self, ApiToken, TokenInfo, TokenScope};
use crate::store::StoreError;
use axum::extract::{FromRequestParts, Path};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::Deserialize;

/// The operator.
#[derive(Clone, Debug)]
pub struct Operator {
    /// By which token.
    pub token_id: TokenId,
}

/// One who may change what a tenant has: that tenant's administrator, or the operator.
#[derive(Clone, Debug)]
pub struct TenantAdmin {
    /// The tenant of the path.
    pub tenant_id: TenantId,
    /// By which token.
    pub token_id: TokenId,
}

/// One who may enqueue for a tenant and read what came of it: that tenant's app or administrator, or the operator.
#[derive(Clone, Debug)]
pub struct App {
    /// The tenant of the path.
    pub tenant_id: TenantId,
    /// By which token.
    pub token_id: TokenId,
}

/// A worker. It names no pool: its token does.
#[derive(Clone, Debug)]
pub struct PoolWorker {
    /// Whose conversations it may have.
    pub pool: Pool,
    /// By which token.
    pub token_id: TokenId,
}

async fn token(parts: &Parts, api: &Api) -> Result<TokenInfo, ApiError> {
    let token: ApiToken = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|value| value.trim().parse().ok())
        .ok_or(ApiError::Unauthorized)?;
    let found: Result<Option<TokenInfo>, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { identity::token_by_secret(tx, &token).await }))
        .await;
    found?.ok_or(ApiError::Unauthorized)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfTenant {
    tenant_id: String,
}

/// The tenant of the path, for a caller whose own tenant is `own` (none: the operator, who may name any). Another's is
/// answered as one that is not there, and so is what cannot be a tenant's name.
async fn tenant_of_path(
    parts: &mut Parts,
    api: &Api,
    own: Option<&TenantId>,
) -> Result<TenantId, ApiError> {
    let missing = || ApiError::NotFound("tenant");
    let Path(OfTenant { tenant_id }) = Path::from_request_parts(parts, api)
        .await
        .map_err(|_| missing())?;
    let tenant_id: TenantId = tenant_id.parse().map_err(|_| missing())?;
    match own {
        Some(own) if *own != tenant_id => Err(missing()),
        _ => Ok(tenant_id),
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let TokenInfo {
            scope, token_id, ..
        } = token(parts, api).await?;
        match scope {
            TokenScope::Operator => Ok(Self { token_id }),
            TokenScope::TenantAdmin { .. } | TokenScope::App { .. } | TokenScope::Worker { .. } => {
                Err(ApiError::Forbidden("operator"))
            }
        }
    }
}

impl FromRequestParts<Api> for TenantAdmin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let TokenInfo {
            scope, token_id, ..
        } = token(parts, api).await?;
        let own = match &scope {
            TokenScope::Operator => None,
            TokenScope::TenantAdmin { tenant_id } => Some(tenant_id),
            TokenScope::App { .. } | TokenScope::Worker { .. } => {
                return Err(ApiError::Forbidden("tenant-admin"));
            }
        };
        let tenant_id = tenant_of_path(parts, api, own).await?;
        Ok(Self {
            tenant_id,
            token_id,
        })
    }
}

impl FromRequestParts<Api> for App {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let TokenInfo {
            scope, token_id, ..
        } = token(parts, api).await?;
        let own = match &scope {
            TokenScope::Operator => None,
            TokenScope::TenantAdmin { tenant_id } | TokenScope::App { tenant_id } => {
                Some(tenant_id)
            }
            TokenScope::Worker { .. } => return Err(ApiError::Forbidden("app")),
        };
        let tenant_id = tenant_of_path(parts, api, own).await?;
        Ok(Self {
            tenant_id,
            token_id,
        })
    }
}

impl FromRequestParts<Api> for PoolWorker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let TokenInfo {
            scope, token_id, ..
        } = token(parts, api).await?;
        match scope {
            TokenScope::Worker { pool } => Ok(Self { pool, token_id }),
            TokenScope::Operator | TokenScope::TenantAdmin { .. } | TokenScope::App { .. } => {
                Err(ApiError::Forbidden("worker"))
            }
        }
    }
}
