//! What a running turn reads and writes at once.

use crate::api::{Api, ApiError, Json, PoolWorker};
use crate::control::requests::{
    KeyValueDeleteRequest, KeyValueGetAnswer, KeyValueGetRequest, KeyValueListRequest,
    KeyValueSetAnswer, KeyValueSetRequest, MemoryReadAnswer, MemoryReadRequest, MemorySearchAnswer,
    MemorySearchRequest,
};
use crate::domain::KvPage;
use axum::extract::State;
use axum::http::StatusCode;

/// Read a value.
#[utoipa::path(
    post, path = "/v1/worker/key-value/get", operation_id = "workerKeyValueGet", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = KeyValueGetRequest,
    responses(
        (status = 200, description = "What is there.", body = KeyValueGetAnswer),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_key_value_get(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<KeyValueGetRequest>,
) -> Result<Json<KeyValueGetAnswer>, ApiError> {
    request.lease.pool = pool;
    let KeyValueGetRequest {
        lease,
        owner,
        scope,
        key,
    } = request;
    let entry = api.control.kv_get(&lease, &owner, scope, &key).await?;
    Ok(Json(KeyValueGetAnswer { entry }))
}

/// Write a value of the agent's scope, at once. The repeat of a `call` changes nothing.
#[utoipa::path(
    post, path = "/v1/worker/key-value/set", operation_id = "workerKeyValueSet", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = KeyValueSetRequest,
    responses(
        (status = 200, description = "Its version, or why it was not written.", body = KeyValueSetAnswer),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_key_value_set(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<KeyValueSetRequest>,
) -> Result<Json<KeyValueSetAnswer>, ApiError> {
    request.lease.pool = pool;
    let KeyValueSetRequest {
        lease,
        owner,
        key,
        value,
        if_version,
        call,
    } = request;
    let set = api
        .control
        .kv_set(&lease, &owner, &key, value, if_version, &call);
    let answer = match set.await? {
        Ok(version) => KeyValueSetAnswer::Version(version),
        Err(refused) => KeyValueSetAnswer::Refused(refused),
    };
    Ok(Json(answer))
}

/// Remove a value of the agent's scope, at once. The repeat of a `call` changes nothing.
#[utoipa::path(
    post, path = "/v1/worker/key-value/delete", operation_id = "workerKeyValueDelete", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = KeyValueDeleteRequest,
    responses(
        (status = 204, description = "It is not there any more."),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_key_value_delete(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<KeyValueDeleteRequest>,
) -> Result<StatusCode, ApiError> {
    request.lease.pool = pool;
    let KeyValueDeleteRequest {
        lease,
        owner,
        key,
        call,
    } = request;
    api.control.kv_delete(&lease, &owner, &key, &call).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keys with a prefix, in byte order.
#[utoipa::path(
    post, path = "/v1/worker/key-value/list", operation_id = "workerKeyValueList", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = KeyValueListRequest,
    responses(
        (status = 200, description = "Some of them, and a cursor where there are more.", body = Object),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_key_value_list(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<KeyValueListRequest>,
) -> Result<Json<KvPage>, ApiError> {
    request.lease.pool = pool;
    let KeyValueListRequest {
        lease,
        owner,
        scope,
        prefix,
        after,
        limit,
    } = request;
    let list = api
        .control
        .kv_list(&lease, &owner, scope, &prefix, &after, limit);
    Ok(Json(list.await?))
}

/// Search the agent's memory.
#[utoipa::path(
    post, path = "/v1/worker/memory/search", operation_id = "workerMemorySearch", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = MemorySearchRequest,
    responses(
        (status = 200, description = "The best hits.", body = MemorySearchAnswer),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_memory_search(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<MemorySearchRequest>,
) -> Result<Json<MemorySearchAnswer>, ApiError> {
    request.lease.pool = pool;
    let MemorySearchRequest {
        lease,
        query,
        limit,
    } = request;
    let hits = api.control.memory_search(&lease, &query, limit).await?;
    Ok(Json(MemorySearchAnswer { hits }))
}

/// Read lines of a memory document.
#[utoipa::path(
    post, path = "/v1/worker/memory/read", operation_id = "workerMemoryRead", tag = "worker",
    security(("bearer" = ["worker"])),
    request_body = MemoryReadRequest,
    responses(
        (status = 200, description = "The lines.", body = MemoryReadAnswer),
        (status = 409, description = "The lease is lost; nothing of this took effect.", body = Object),
    )
)]
pub(super) async fn worker_memory_read(
    State(api): State<Api>,
    PoolWorker { pool, .. }: PoolWorker,
    Json(mut request): Json<MemoryReadRequest>,
) -> Result<Json<MemoryReadAnswer>, ApiError> {
    request.lease.pool = pool;
    let MemoryReadRequest {
        lease,
        path,
        start,
        lines,
    } = request;
    let text = api.control.memory_read(&lease, &path, start, lines).await?;
    Ok(Json(MemoryReadAnswer { text }))
}
