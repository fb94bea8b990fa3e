//! Tenants, as the operator makes, lists and bounds them.

use super::query::next_cursor;
use super::{Api, ApiError, Json, Operator, Paging, Path, Query};
use crate::domain::{LimitSet, Reach, TenantId, Timestamp};
use crate::identity::{self, Tenant};
use crate::queue;
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most of `maxInFlight`.
const IN_FLIGHT_MAX: u32 = 100_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_tenant))
        .routes(routes!(list_tenants))
        .routes(routes!(limit_tenant))
        .routes(routes!(cap_tenant))
}

/// One customer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantView {
    /// Its id.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// When it was made.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// Why it waits, where it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    /// How many of its messages workers have at once, at most; as configured where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_in_flight: Option<i64>,
    /// What its components are capped at, by the names of limits.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    component_limits: BTreeMap<String, u64>,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            tenant_id: tenant.tenant_id,
            created_at: tenant.created_at,
            paused_reason: tenant.paused_reason,
            max_in_flight: tenant.max_in_flight,
            component_limits: tenant.limits.named(),
        }
    }
}

/// Some of the tenants.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantPage {
    /// By their ids.
    tenants: Vec<TenantView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct Named {
    /// 1 to 64 characters of a-z, 0-9 and -.
    #[param(value_type = String)]
    tenant_id: TenantId,
}

/// Make a tenant. A second time changes nothing.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}", operation_id = "createTenant", tag = "tenants",
    params(Named), security(("bearer" = ["operator"])),
    responses(
        (status = 201, description = "It is made.", body = TenantView),
        (status = 200, description = "It was there.", body = TenantView),
    )
)]
async fn create_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<Named>,
) -> Result<(StatusCode, Json<TenantView>), ApiError> {
    let Named { tenant_id } = named;
    let put: Result<_, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { identity::tenant_put(tx, &tenant_id).await }))
        .await;
    let (tenant, made) = put?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(tenant.into())))
}

/// List the tenants.
#[utoipa::path(
    get, path = "/v1/tenants", operation_id = "listTenants", tag = "tenants",
    params(Paging), security(("bearer" = ["operator"])),
    responses((status = 200, description = "A page of them.", body = TenantPage))
)]
async fn list_tenants(
    State(api): State<Api>,
    _: Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<TenantPage>, ApiError> {
    let (limit, after) = (paging.limit()?, paging.cursor::<TenantId>()?);
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(
                async move { identity::tenants(tx, after.as_ref(), limit.saturating_add(1)).await },
            )
        })
        .await;
    let mut tenants = found?;
    let next_cursor = next_cursor(&mut tenants, limit, |tenant| tenant.tenant_id.to_string());
    Ok(Json(TenantPage {
        tenants: tenants.into_iter().map(TenantView::from).collect(),
        next_cursor,
    }))
}

/// What a tenant may take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsRequest {
    /// How many of its messages workers have at once, at most, 1 to 100000; as configured where it is null.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, minimum = 1, maximum = 100_000)]
    max_in_flight: Option<u32>,
}

/// Bound what a tenant may take. Messages that workers have already are finished.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/limits", operation_id = "limitTenant", tag = "tenants",
    params(Named), security(("bearer" = ["operator"])),
    responses((status = 204, description = "Claims keep to it from now on."))
)]
async fn limit_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<Named>,
    Json(limits): Json<LimitsRequest>,
) -> Result<StatusCode, ApiError> {
    let Named { tenant_id } = named;
    let LimitsRequest { max_in_flight } = limits;
    if max_in_flight.is_some_and(|most| !(1..=IN_FLIGHT_MAX).contains(&most)) {
        return Err(ApiError::Invalid(format!(
            "maxInFlight must be 1 to {IN_FLIGHT_MAX} messages, or null"
        )));
    }
    let limited: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { queue::limit_tenant(tx, &tenant_id, max_in_flight).await })
        })
        .await;
    if limited? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("tenant"))
    }
}

/// What a tenant's components are capped at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CapsRequest {
    /// By the names of limits, for example `tool_ms` and `memory_bytes`; all caps there are to be, so none with `{}`. A cap
    /// above the operator's own limit changes nothing.
    limits: BTreeMap<String, u64>,
}

/// Cap what a tenant's engines and skills may take, whatever its agents and skills ask for. Running turns go on as they began.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/component-limits", operation_id = "capTenant", tag = "tenants",
    params(Named), security(("bearer" = ["operator"])), request_body = CapsRequest,
    responses((status = 204, description = "The next turns keep to it."))
)]
async fn cap_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<Named>,
    Json(caps): Json<CapsRequest>,
) -> Result<StatusCode, ApiError> {
    let Named { tenant_id } = named;
    let limits = LimitSet::parse(&caps.limits, Reach::Turn)?;
    let capped: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { identity::tenant_cap(tx, &tenant_id, &limits).await })
        })
        .await;
    if capped? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("tenant"))
    }
}
