//! Every route of this process, in one place: the operations with their limits, and the description made from them.

use super::lane::{self, Lane};
use super::{
    Api, ApiError, Json, agents, batches, cancels, components, conversations, dead_letters,
    document, documents, engines, headers, health, listing, messages, pauses, progress, receipts,
    secrets, skills, stats, tenants, tokens, usage, whoami, worker,
};
use crate::telemetry::{Observer, Operations, observe};
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
    let header_bytes_max =
        usize::try_from(api.config.server.header_bytes_max).unwrap_or(usize::MAX);
    let served = Arc::new(description.clone());
    let metrics = api.db.metrics().clone();
    let observer = Observer::new(metrics, api.ids.clone(), operation_ids(&description));
    let router = router
        .fallback(async || ApiError::NotFound("path"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(axum::Extension(served))
        .layer(middleware::from_fn_with_state(
            header_bytes_max,
            headers::bounded,
        ))
        .layer(middleware::from_fn_with_state(observer, observe))
        .with_state(api);
    (router, description)
}

/// What the figures call each route.
fn operation_ids(description: &OpenApi) -> Operations {
    let mut ids = Operations::new();
    for (path, item) in &description.paths.paths {
        for (method, operation) in [
            ("GET", &item.get),
            ("PUT", &item.put),
            ("POST", &item.post),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ] {
            let id = operation.as_ref().and_then(|it| it.operation_id.clone());
            ids.extend(id.map(|id| ((method.to_owned(), path.clone()), id)));
        }
    }
    ids
}

/// The operations, each behind the lane of its kind.
fn operations(api: &Api) -> OpenApiRouter<Api> {
    let body_bytes_max = usize::try_from(api.config.server.body_bytes_max).unwrap_or(usize::MAX);
    let lanes = api.lanes();
    let quick = OpenApiRouter::new()
        .merge(tenants::routes())
        .merge(tokens::routes())
        .merge(messages::routes())
        .merge(listing::routes())
        .merge(cancels::routes())
        .merge(conversations::routes())
        .merge(secrets::routes())
        .merge(stats::routes())
        .merge(components::routes())
        .merge(dead_letters::routes())
        .merge(receipts::routes())
        .merge(usage::routes())
        .merge(pauses::routes())
        .merge(whoami::routes())
        .merge(agents::routes())
        .merge(skills::routes())
        .merge(engines::routes());
    let waiting = OpenApiRouter::new().merge(progress::waiting_routes());
    let uploads = &api.config.uploads;
    let bytes = |most: u64| DefaultBodyLimit::max(usize::try_from(most).unwrap_or(usize::MAX));
    let folders = OpenApiRouter::new()
        .merge(skills::upload_routes())
        .merge(engines::upload_routes())
        .layer(bytes(uploads.folder_bytes));
    // A document has a bound of its own, which may be over that of other bodies.
    let documents = documents::routes().layer(bytes(uploads.document_bytes));
    let batches = batches::routes().layer(DefaultBodyLimit::max(batches::bytes_max(api)));
    through(quick, &lanes.requests)
        .merge(through(waiting, &lanes.waits))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .merge(through(worker::routes(api), &lanes.worker_requests))
        .merge(through(worker::settling_routes(api), &lanes.settlements))
        .merge(through(worker::waiting_routes(api), &lanes.worker_waits))
        .merge(through(batches, &lanes.batches))
        .merge(through(documents, &lanes.requests))
        .merge(through(folders, &api.uploads().lane))
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
