//! The one place where an error becomes an HTTP status.

use crate::store::StoreError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// No secret token, or no bot's.
    #[error("missing or unknown secret token")]
    Unauthorized,
    /// A body that is not what the route takes.
    #[error("{0}")]
    InvalidPayload(String),
    /// The database.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

impl IngressError {
    /// The status, and a code that stays the same whatever the words.
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::InvalidPayload(_) => (StatusCode::BAD_REQUEST, "invalid_payload"),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

impl IntoResponse for IngressError {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        if status.is_server_error() {
            let error: &dyn std::error::Error = &self;
            tracing::error!(error, "a request failed");
        }
        let body = json!({ "ok": false, "error": { "code": code, "message": self.to_string() } });
        (status, Json(body)).into_response()
    }
}
