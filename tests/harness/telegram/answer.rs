//! The envelope of every answer.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// `{"ok":true,"result":..}`.
pub(super) struct Done {
    result: Value,
    description: Option<&'static str>,
}

/// `{"ok":false,"error_code":..,"description":..}`, with the same code as HTTP status.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u16,
    description: String,
    retry_after: Option<u64>,
}

impl Done {
    pub(super) fn with(result: Value) -> Self {
        Self {
            result,
            description: None,
        }
    }

    /// `true`, with a sentence on what was done.
    pub(super) fn described(description: &'static str) -> Self {
        Self {
            result: Value::Bool(true),
            description: Some(description),
        }
    }
}

impl Refusal {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            retry_after: None,
        }
    }

    /// 400, for a reason that follows `Bad Request: `.
    pub(super) fn bad_request(reason: &str) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    /// 429.
    pub(super) fn retry_after(seconds: u64) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {seconds}"),
            retry_after: Some(seconds),
        }
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut body = json!({"ok": true, "result": self.result});
        if let Some(description) = self.description {
            body["description"] = description.into();
        }
        Json(body).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body =
            json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(seconds) = self.retry_after {
            body["parameters"] = json!({"retry_after": seconds});
        }
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(body)).into_response()
    }
}
