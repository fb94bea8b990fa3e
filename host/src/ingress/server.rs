use super::telegram;
use crate::clock::Ids;
use crate::config::Server;
use crate::queue;
use crate::store::Db;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use std::time::Duration;
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

/// The webhooks, under the configured prefix.
pub fn router(config: &Server, ingress: Ingress) -> Router {
    let body_bytes_max = usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX);
    let concurrency_max = usize::try_from(config.concurrency_max).unwrap_or(usize::MAX);
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
        .with_state(ingress);
    let prefix = config.path_prefix.as_str();
    if prefix.is_empty() {
        webhooks
    } else {
        Router::new().nest(prefix, webhooks)
    }
}
