use super::{Api, ApiError, Json, Operator};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long the database may take to answer whether it is there.
const DATABASE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
}

/// All is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// Always true; what is not ready is answered with an error.
    ready: bool,
}

/// The process is up. Says nothing of its database: a restart would not help it.
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "process", security(()),
    responses((status = 200, description = "It is up.", content_type = "text/plain", body = String))
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether to send requests here: the database answers with the schema of this version, and the process is not
/// stopping.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "process", security(()),
    responses(
        (status = 200, description = "Send requests here.", body = Ready),
        (status = 503, description = "Not now; says which part is not ready.", body = super::error::ErrorBody),
    )
)]
async fn readyz(State(api): State<Api>) -> Result<Json<Ready>, ApiError> {
    if api.closing.is_cancelled() {
        return Err(ApiError::NotReady("the process is stopping"));
    }
    match tokio::time::timeout(DATABASE_ANSWERS_WITHIN, api.db.is_migrated()).await {
        Ok(Ok(true)) => Ok(Json(Ready { ready: true })),
        Ok(Ok(false)) => Err(ApiError::NotReady("migrations of the database are missing")),
        Ok(Err(_)) | Err(_) => Err(ApiError::NotReady("the database does not answer")),
    }
}

/// Whoever may read the metrics: the operator, or anybody where `server.metrics_public` says so.
struct MetricsReader;

impl FromRequestParts<Api> for MetricsReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        if !api.config.server.metrics_public {
            Operator::from_request_parts(parts, api).await?;
        }
        Ok(Self)
    }
}

/// The figures of this process and of the queue, in Prometheus' text format. No tenant is named in them.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "process",
    security(("bearer" = ["operator"])),
    responses((status = 200, description = "The page.", content_type = "text/plain", body = String))
)]
async fn metrics(_: MetricsReader, State(api): State<Api>) -> String {
    api.scrape.text().await
}
