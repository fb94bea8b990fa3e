//! Every route of this process, in one place: the operations with their limits, and the description made from them.

use super::lane::{self, Lane};
use super::{Api, ApiError, Json, document, health, tenants, tokens, worker};
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::Router;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Everything that is served, and its description.
pub fn router(api: Api) -> (Router, OpenApi) {
    let (router, mut description) = OpenApiRouter::with_openapi(document::base())
        .merge(operations(&api))
        .merge(health::routes())
        .routes(routes!(openapi_json))
        .split_for_parts();
    document::complete(&mut description);
    let served = Arc::new(description.clone());
    let router = router
        .fallback(async || ApiError::NotFound("path"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(axum::Extension(served))
        .with_state(api);
    (router, description)
}

/// The operations, each behind the lane of its kind.
fn operations(api: &Api) -> OpenApiRouter<Api> {
    let body_bytes_max = usize::try_from(api.config.server.body_bytes_max).unwrap_or(usize::MAX);
    let quick = OpenApiRouter::new()
        .merge(tenants::routes())
        .merge(tokens::routes());
    let lanes = api.lanes();
    through(quick, &lanes.requests)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .merge(through(worker::routes(api), &lanes.worker_requests))
        .merge(through(worker::waiting_routes(api), &lanes.worker_waits))
}

/// `routes` behind `lane`: it takes as many at once as it has room for, and no request is longer in it than it allows.
fn through(routes: OpenApiRouter<Api>, lane: &Lane) -> OpenApiRouter<Api> {
    routes.layer(middleware::from_fn_with_state(lane.clone(), lane::pass))
}

/// This description: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "process",
    security(()),
    responses((status = 200, description = "The description.", content_type = "application/json", body = serde_json::Value))
)]
async fn openapi_json(
    axum::Extension(description): axum::Extension<Arc<OpenApi>>,
) -> Json<OpenApi> {
    Json(OpenApi::clone(&description))
}
