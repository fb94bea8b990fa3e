//! A worker comes, and asks for work: turns to run, replies to deliver.

use crate::api::{Api, ApiError, Json, PoolWorker, WAIT_MAX};
use crate::control::requests::{
    DeliveriesAnswer, RegisterRequest, Registration, ReleaseLaneRequest, SettleDeliveryAnswer,
    SettleDeliveryRequest,
};
use crate::control::{ClaimRequest, Claims, DeliveryRequest};
use crate::queue::{self, ClaimError};
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;
use tokio::time::Instant;

impl From<ClaimError> for ApiError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::AnotherPool(_) => Self::Invalid(error.to_string()),
            ClaimError::Store(error) => error.into(),
        }
    }
}

/// The most of `max` of a claim of deliveries, as that of `outbox.batch`.
const LANES_MAX: u32 = 1000;

/// A claim for nothing makes sense as a repeat only: it asks for what an earlier try has leased, and nothing new.
fn bounded(max: u32, most: u32, wait: Duration, repeated: bool) -> Result<(), ApiError> {
    if max > most || (max == 0 && !repeated) {
        return Err(ApiError::Invalid(format!(
            "max must be 1 to {most}, or 0 in a repeated claim"
        )));
    }
    if wait > WAIT_MAX {
        return Err(ApiError::Invalid(format!(
            "waitMs must be 0 to {} milliseconds",
            WAIT_MAX.as_millis()
        )));
    }
    Ok(())
}

/// Make a worker known: its id stays in the pool of its token. Answers what the worker begins with. May be repeated.
#[utoipa::path(
    post, path = "/v1/worker/register", operation_id = "workerRegister", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = RegisterRequest,
    responses((status = 200, description = "It is known.", body = Registration))
)]
pub(super) async fn worker_register(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(RegisterRequest { worker_id }): Json<RegisterRequest>,
) -> Result<Json<Registration>, ApiError> {
    let own = pool.clone();
    let registered: Result<(), ClaimError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::register(tx, &worker_id, &own).await }))
        .await;
    registered?;
    Ok(Json(Registration {
        pool,
        artifact_key: hex::encode(api.admission.public_key()),
        heartbeat_every: api.config.lease.heartbeat(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

/// Lease conversations of the worker's pool that have a due message. Waits up to `waitMs`, at most 30 seconds, for the
/// first. A claim with a `claim.id` may be repeated with `repeated` set: what an earlier try has leased is the answer
/// then.
#[utoipa::path(
    post, path = "/v1/worker/claim", operation_id = "workerClaim", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = Object,
    responses((status = 200, description = "Turns to run, perhaps none.", body = Object))
)]
pub(super) async fn worker_claim(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<ClaimRequest>,
) -> Result<Json<Claims>, ApiError> {
    let repeated = request.claim.as_ref().is_some_and(|claim| claim.repeated);
    bounded(request.max, queue::MAX_CLAIM, request.wait, repeated)?;
    request.pool = pool;
    Ok(Json(api.control.claim(request).await?))
}

/// Lease conversations of the worker's pool that have replies to deliver. Waits and repeats as `workerClaim` does.
#[utoipa::path(
    post, path = "/v1/worker/deliveries/claim", operation_id = "workerClaimDeliveries", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = Object,
    responses((status = 200, description = "Replies to deliver, perhaps none.", body = DeliveriesAnswer))
)]
pub(super) async fn worker_claim_deliveries(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<DeliveryRequest>,
) -> Result<Json<DeliveriesAnswer>, ApiError> {
    let repeated = request.claim.as_ref().is_some_and(|claim| claim.repeated);
    bounded(request.max, LANES_MAX, request.wait, repeated)?;
    request.pool = pool;
    let asked = Instant::now();
    let batches = api.control.claim_deliveries(request).await?;
    let waited = asked.elapsed();
    Ok(Json(DeliveriesAnswer { batches, waited }))
}

/// Say what became of one reply; answers whether to go on with its conversation. A repeat changes nothing.
#[utoipa::path(
    post, path = "/v1/worker/deliveries/settle", operation_id = "workerSettleDelivery", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = SettleDeliveryRequest,
    responses(
        (status = 200, description = "It is settled.", body = SettleDeliveryAnswer),
        (status = 409, description = "The lease is lost.", body = Object),
    )
)]
pub(super) async fn worker_settle_delivery(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<SettleDeliveryRequest>,
) -> Result<Json<SettleDeliveryAnswer>, ApiError> {
    request.lane.pool = pool;
    let SettleDeliveryRequest {
        lane,
        outbox_id,
        trace_id,
        sent,
    } = request;
    let settled = api
        .control
        .settle_delivery(&lane, &outbox_id, &trace_id, sent);
    let go_on = settled.await?;
    Ok(Json(SettleDeliveryAnswer { go_on }))
}

/// Let go of a conversation's replies; what is left of them can be claimed at once.
#[utoipa::path(
    post, path = "/v1/worker/deliveries/release", operation_id = "workerReleaseLane", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = ReleaseLaneRequest,
    responses(
        (status = 204, description = "They are free."),
        (status = 409, description = "The lease is lost.", body = Object),
    )
)]
pub(super) async fn worker_release_lane(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<ReleaseLaneRequest>,
) -> Result<StatusCode, ApiError> {
    request.lane.pool = pool;
    api.control.release_lane(&request.lane).await?;
    Ok(StatusCode::NO_CONTENT)
}
