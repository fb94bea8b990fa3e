//! One turn: what it begins with, that it goes on, and how it ends.

use crate::api::{Api, ApiError, Json, PoolWorker};
use crate::control::requests::{
    CompleteAllAnswer, CompleteAllRequest, CompleteRequest, CompleteResult, FailAnswer,
    FailRequest, GiveBackRequest, HeartbeatAnswer, HeartbeatRequest, LeaseRequest, SnapshotRequest,
};
use crate::control::{Beat, ControlError, Heartbeat, HeldLease};
use crate::hydration::{Bundle, Snapshot};
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::HashSet;

/// The most of one [`worker_complete_all`].
const COMPLETIONS_MAX: usize = 256;

/// Mark the message as started, and get what its turn needs. May be repeated.
#[utoipa::path(
    post, path = "/v1/worker/hydrate", operation_id = "workerHydrationBundle", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = LeaseRequest,
    responses(
        (status = 200, description = "The bundle; it names the agent's snapshot by digest.", body = Object),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_hydration_bundle(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<LeaseRequest>,
) -> Result<Json<Bundle>, ApiError> {
    request.lease.pool = pool;
    let LeaseRequest { lease } = request;
    let bundle = api.control.hydrate(&lease).await?;
    Ok(Json(bundle))
}

/// The agent's snapshot that a bundle named.
#[utoipa::path(
    post, path = "/v1/worker/snapshot", operation_id = "workerSnapshot", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = SnapshotRequest,
    responses(
        (status = 200, description = "The snapshot.", body = Object),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_snapshot(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<SnapshotRequest>,
) -> Result<Json<Snapshot>, ApiError> {
    request.lease.pool = pool;
    let SnapshotRequest { lease, digest } = request;
    let snapshot = api.control.snapshot(&lease, digest).await?;
    Ok(Json(snapshot))
}

/// Prolong leases; each is answered for itself, in their order.
#[utoipa::path(
    post, path = "/v1/worker/heartbeat", operation_id = "workerHeartbeat", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = HeartbeatRequest,
    responses((status = 200, description = "What became of them.", body = HeartbeatAnswer))
)]
pub(super) async fn worker_heartbeat(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(HeartbeatRequest {
        worker_id,
        leases,
        started,
    }): Json<HeartbeatRequest>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let wanted = u32::try_from(leases.len()).unwrap_or(u32::MAX);
    if started.len() > leases.len() || started.iter().any(|place| *place >= wanted) {
        return Err(ApiError::Invalid(
            "started must name places in leases, each once at most".to_owned(),
        ));
    }
    let started: HashSet<u32> = started.into_iter().collect();
    let leases: Vec<_> = (0..)
        .zip(leases)
        .map(|(place, mut lease)| {
            lease.pool = pool.clone();
            let started = started.contains(&place);
            HeldLease { lease, started }
        })
        .collect();
    let Heartbeat { beats, drain } = api.control.heartbeat(&worker_id, &pool, &leases).await?;
    let mut cancelled = Vec::new();
    // A worker that knows of no cancellation reads a lease that goes on.
    let beats = (0..).zip(beats).map(|(place, beat)| match beat {
        Beat::Cancel(lease_for) => {
            cancelled.push(place);
            Beat::Extended(lease_for)
        }
        beat => beat,
    });
    let beats = beats.collect();
    Ok(Json(HeartbeatAnswer {
        beats,
        cancelled,
        drain,
    }))
}

/// Settle the message and store all its turn did, at once. A repeat succeeds and changes nothing.
#[utoipa::path(
    post, path = "/v1/worker/complete", operation_id = "workerComplete", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = CompleteRequest,
    responses(
        (status = 204, description = "It is stored."),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_complete(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<CompleteRequest>,
) -> Result<StatusCode, ApiError> {
    request.lease.pool = pool;
    let CompleteRequest { lease, completion } = request;
    api.control.complete(&lease, completion).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Settle many messages at once, each as `workerComplete` does: one that is lost or refused stands in no other's way.
#[utoipa::path(
    post, path = "/v1/worker/complete-all", operation_id = "workerCompleteAll", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = CompleteAllRequest,
    responses((status = 200, description = "What became of each, in their order.", body = CompleteAllAnswer))
)]
pub(super) async fn worker_complete_all(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(CompleteAllRequest { completions }): Json<CompleteAllRequest>,
) -> Result<Json<CompleteAllAnswer>, ApiError> {
    if completions.len() > COMPLETIONS_MAX {
        return Err(ApiError::Invalid(format!(
            "completions must be at most {COMPLETIONS_MAX}"
        )));
    }
    let completions = completions.into_iter().map(|mut request| {
        request.lease.pool = pool.clone();
        (request.lease, request.completion)
    });
    let settled = api.control.complete_all(completions.collect()).await?;
    let mut results = Vec::with_capacity(settled.len());
    for settled in settled {
        results.push(match settled {
            Ok(()) => CompleteResult::Settled,
            Err(ControlError::LeaseLost) => CompleteResult::LeaseLost,
            Err(ControlError::Refused(reason)) => CompleteResult::Refused(reason),
            Err(error @ ControlError::Unavailable(_)) => return Err(error.into()),
        });
    }
    Ok(Json(CompleteAllAnswer { results }))
}

/// Say that the turn did not succeed, and what should happen next.
#[utoipa::path(
    post, path = "/v1/worker/fail", operation_id = "workerFail", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = FailRequest,
    responses(
        (status = 200, description = "What became of the message.", body = FailAnswer),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_fail(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<FailRequest>,
) -> Result<Json<FailAnswer>, ApiError> {
    request.lease.pool = pool;
    let FailRequest { lease, failure } = request;
    let settled = api.control.fail(&lease, failure).await?;
    Ok(Json(FailAnswer { settled }))
}

/// Put the message back as if it had not been claimed: the worker stops.
#[utoipa::path(
    post, path = "/v1/worker/give-back", operation_id = "workerGiveBack", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = GiveBackRequest,
    responses(
        (status = 204, description = "It is back in its place."),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_give_back(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<GiveBackRequest>,
) -> Result<StatusCode, ApiError> {
    request.lease.pool = pool;
    let GiveBackRequest { lease, receipts } = request;
    api.control.give_back(&lease, receipts).await?;
    Ok(StatusCode::NO_CONTENT)
}
