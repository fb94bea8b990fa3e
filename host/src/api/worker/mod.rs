//! What workers ask for: the operations of one pool, under `/v1/worker`.
//!
//! A worker names no pool: its token does, and every lease it shows is taken for one of that pool, whatever it says. So a
//! lease that was stolen from another pool's worker is no lease here (`host/decisions/0009`). Each operation is one
//! method of [`crate::control::ControlPlane`], the same that a worker in this process calls.

mod artifacts;
mod bounds;
mod claims;
mod lookups;
mod turns;

pub use bounds::{completion_bytes_max, request_bytes_max};

use super::Api;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations that settle a turn: few at once, since one may bring tens of megabytes.
pub fn settling_routes(api: &Api) -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(turns::worker_complete))
        .routes(routes!(turns::worker_complete_all))
        .routes(routes!(turns::worker_fail))
        .routes(routes!(turns::worker_give_back))
        .layer(DefaultBodyLimit::max(completion_bytes_max(
            &api.config.limits,
        )))
}

/// The other operations that are answered at once.
pub fn routes(api: &Api) -> OpenApiRouter<Api> {
    let limits = &api.config.limits;
    OpenApiRouter::new()
        .routes(routes!(claims::worker_register))
        .routes(routes!(turns::worker_hydration_bundle))
        .routes(routes!(turns::worker_snapshot))
        .routes(routes!(turns::worker_heartbeat))
        .routes(routes!(lookups::worker_key_value_get))
        .routes(routes!(lookups::worker_key_value_set))
        .routes(routes!(lookups::worker_key_value_delete))
        .routes(routes!(lookups::worker_key_value_list))
        .routes(routes!(lookups::worker_memory_search))
        .routes(routes!(lookups::worker_memory_read))
        .routes(routes!(claims::worker_settle_delivery))
        .routes(routes!(claims::worker_release_lane))
        .routes(routes!(artifacts::worker_artifact))
        .layer(DefaultBodyLimit::max(request_bytes_max(limits)))
}

/// The operations that wait for work.
pub fn waiting_routes(api: &Api) -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(claims::worker_claim))
        .routes(routes!(claims::worker_claim_deliveries))
        .layer(DefaultBodyLimit::max(request_bytes_max(&api.config.limits)))
}
