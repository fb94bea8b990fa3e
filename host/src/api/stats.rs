//! How much there is to do, and who does it.

use super::query::{next_cursor, page_limit};
use super::{Api, ApiError, App, Json, Operator, Path, Query};
use crate::domain::{Pool, Timestamp, WorkerId};
use crate::queue::{self, QueueStats, Scope, WorkerInfo};
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(queue_stats))
        .routes(routes!(pool_stats))
        .routes(routes!(worker_stats))
        .routes(routes!(drain_worker))
}

/// How much there is to do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StatsView {
    /// Conversations whose next message is due.
    ready: u64,
    /// Conversations whose next message falls due later: scheduled, or in backoff.
    waiting: u64,
    /// Conversations a worker has.
    leased: u64,
    /// Conversations whose agent waits for a person.
    held: u64,
    /// Messages given up.
    dead_letters: u64,
    /// Conversations with replies on their way out.
    outbox_lanes: u64,
    /// How long the oldest due message has waited, milliseconds; 0 where none is due.
    oldest_ready_age_ms: u64,
    /// What workers are needed for: ready, leased and outbox lanes together.
    backlog: u64,
}

impl From<QueueStats> for StatsView {
    fn from(stats: QueueStats) -> Self {
        Self {
            ready: stats.ready,
            waiting: stats.waiting,
            leased: stats.leased,
            held: stats.held,
            dead_letters: stats.dead_letters,
            outbox_lanes: stats.outbox_lanes,
            oldest_ready_age_ms: u64::try_from(stats.oldest_ready_age.as_millis())
                .unwrap_or(u64::MAX),
            backlog: stats.backlog(),
        }
    }
}

async fn stats(api: &Api, scope: Scope) -> Result<Json<StatsView>, ApiError> {
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { queue::stats(tx, &scope).await }))
        .await;
    Ok(Json(found?.into()))
}

/// How much the tenant waits for.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/queue/stats", operation_id = "queueStats", tag = "queue",
    security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses((status = 200, description = "The figures of the tenant.", body = StatsView))
)]
async fn queue_stats(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
) -> Result<Json<StatsView>, ApiError> {
    stats(&api, Scope::Tenant(tenant_id)).await
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfPool {
    /// Which pool; `default` where it is left out.
    #[param(value_type = Option<String>)]
    pool: Option<Pool>,
}

/// How much a pool's workers have to do.
#[utoipa::path(
    get, path = "/v1/queue/stats", operation_id = "poolStats", tag = "queue",
    params(OfPool), security(("bearer" = ["operator"])),
    responses((status = 200, description = "The figures of the pool.", body = StatsView))
)]
async fn pool_stats(
    State(api): State<Api>,
    _: Operator,
    Query(query): Query<OfPool>,
) -> Result<Json<StatsView>, ApiError> {
    let OfPool { pool } = query;
    stats(&api, Scope::Pool(pool.unwrap_or_default())).await
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WorkerPaging {
    /// Of this pool alone.
    #[param(value_type = Option<String>)]
    pool: Option<Pool>,
    /// How many workers at most, 1 to 100; 50 where it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<WorkerId>,
}

/// What a worker last said of itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WorkerView {
    /// One life of one process.
    #[schema(value_type = String)]
    worker_id: WorkerId,
    /// Whose conversations it may have.
    #[schema(value_type = String)]
    pool: Pool,
    /// `active`, `draining` or `stopped`.
    status: String,
    /// Conversations it had.
    load: u32,
    /// When it was first heard of.
    #[schema(value_type = i64)]
    started_at: Timestamp,
    /// How long ago it was last heard of, milliseconds.
    heartbeat_age_ms: u64,
}

/// Some of the workers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WorkerPage {
    /// By their ids.
    workers: Vec<WorkerView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<WorkerInfo> for WorkerView {
    fn from(worker: WorkerInfo) -> Self {
        Self {
            worker_id: worker.worker_id,
            pool: worker.pool,
            status: worker.status,
            load: worker.load,
            started_at: worker.started_at,
            heartbeat_age_ms: u64::try_from(worker.heartbeat_age.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// List the workers, those that are gone too.
#[utoipa::path(
    get, path = "/v1/workers", operation_id = "workerStats", tag = "queue",
    params(WorkerPaging), security(("bearer" = ["operator"])),
    responses((status = 200, description = "A page of them.", body = WorkerPage))
)]
async fn worker_stats(
    State(api): State<Api>,
    _: Operator,
    Query(paging): Query<WorkerPaging>,
) -> Result<Json<WorkerPage>, ApiError> {
    let limit = page_limit(paging.limit)?;
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let (pool, after) = (paging.pool.as_ref(), paging.cursor.as_ref());
                queue::workers(tx, pool, after, limit.saturating_add(1)).await
            })
        })
        .await;
    let mut workers = found?;
    let next_cursor = next_cursor(&mut workers, limit, |worker| worker.worker_id.to_string());
    Ok(Json(WorkerPage {
        workers: workers.into_iter().map(WorkerView::from).collect(),
        next_cursor,
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct WorkerNamed {
    /// The worker, as `workerStats` shows it.
    #[param(value_type = String)]
    worker_id: WorkerId,
}

/// Tell a worker to end once it has finished what it has. It hears of it with its next claim or heartbeat and is given no
/// more messages. A second time changes nothing.
#[utoipa::path(
    post, path = "/v1/workers/{workerId}/drain", operation_id = "drainWorker", tag = "queue",
    params(WorkerNamed), security(("bearer" = ["operator"])),
    responses((status = 204, description = "It is told, or has stopped already."))
)]
async fn drain_worker(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<WorkerNamed>,
) -> Result<StatusCode, ApiError> {
    let WorkerNamed { worker_id } = named;
    let known: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::drain(tx, &worker_id).await }))
        .await;
    if known? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("worker"))
    }
}
