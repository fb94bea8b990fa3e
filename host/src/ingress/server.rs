use super::telegram;
use crate::clock::Ids;
use crate::config::Server;
use crate::queue;
use crate::store::Db;
use crate::telemetry::{Observer, Operations, observe};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::future::IntoFuture as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutLayer;

/// What a request may reach: the queue's front, and nothing of a turn.
#[derive(Clone)]
pub struct Ingress {
    /// Where messages are stored.
    pub db: Db,
    /// For message ids.
    pub ids: Ids,
    /// What a message may be.
    pub policy: queue::Policy,
}

/// Serve until `stop`; then refuse new connections and finish the requests at hand, for `server.shutdown_grace_ms` at
/// most.
///
/// # Errors
/// Where the listener breaks.
pub async fn serve(
    listener: TcpListener,
    config: &Server,
    ingress: Ingress,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = router(config, ingress);
    let grace = Duration::from_millis(config.shutdown_grace_ms);
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        // A client that sends half a request and no more keeps nobody.
        () = too_long => Ok(()),
    }
}

fn router(config: &Server, ingress: Ingress) -> Router {
    let body_bytes_max = usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX);
    let concurrency_max = usize::try_from(config.concurrency_max).unwrap_or(usize::MAX);
    let metrics = ingress.db.metrics().clone();
    let observer = Observer::new(metrics, ingress.ids.clone(), Operations::new());
    let webhooks = Router::new()
        .route("/telegram/webhook", post(telegram::webhook))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(
            concurrency_max,
        ))
        // Outermost: waiting for a turn among the others counts too.
        .layer(TimeoutLayer::with_status_code(
            axum::http::StatusCode::REQUEST_TIMEOUT,
            Duration::from_millis(config.request_timeout_ms),
        ))
        // Around all of that: what is refused is counted too.
        .layer(axum::middleware::from_fn_with_state(observer, observe))
        .with_state(ingress);
    let health = Router::new().route("/healthz", get(|| async { "ok\n" }));
    let prefix = config.path_prefix.as_str();
    if prefix.is_empty() {
        health.merge(webhooks)
    } else {
        health.nest(prefix, webhooks)
    }
}
