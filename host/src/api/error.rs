//! The one place where an error becomes an HTTP status.

use super::Json;
use crate::artifacts::AdmitError;
use crate::control::ControlError;
use crate::domain::{IdError, LimitSetError};
use crate::engine::CompileError;
use crate::identity::TokenError;
use crate::queue::EnqueueError;
use crate::secrets::SecretError;
use crate::store::StoreError;
use crate::workspace::{FolderError, WorkspaceError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Why a request was not done; nothing of it took effect, but where one says that this is not known.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No token, or none that is known.
    #[error(
        "send `Authorization: Bearer <token>` with a token that is neither revoked nor expired"
    )]
    Unauthorized,
    /// The token's scope does not open this.
    #[error("this needs a token of the scope {0}")]
    Forbidden(&'static str),
    /// It is not there, or is another tenant's: who asks cannot tell.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was sent makes no sense; says what would.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done as things are; says why.
    #[error("{0}")]
    Conflict(String),
    /// What it is about is over; says what can be done instead.
    #[error("{0}")]
    TooLate(String),
    /// The lease is gone: another worker may have the message.
    #[error("the lease is lost")]
    LeaseLost,
    /// More bytes than are taken.
    #[error("{0}")]
    TooLarge(String),
    /// Too many requests of this caller.
    #[error("too many requests; try again in {0:?}")]
    RateLimited(Duration),
    /// No such method here.
    #[error("this path takes another method; the Allow header says which")]
    MethodNotAllowed,
    /// A body of another kind than this one.
    #[error("send the body with `Content-Type: {0}`")]
    UnsupportedMediaType(&'static str),
    /// More bytes of headers than are taken.
    #[error("the headers have {bytes} bytes; at most {max} are taken")]
    HeadersTooLarge {
        /// Of names and values.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// As many requests as there is room for are being worked on.
    #[error("too many requests are being worked on; try again in a moment")]
    Overloaded,
    /// It took longer than a request may.
    #[error(
        "the request took longer than {0:?}; it may have taken effect, and repeating it is safe where the operation says so"
    )]
    TimedOut(Duration),
    /// This process is not to be sent requests; says which part of it is not ready.
    #[error("not ready: {0}")]
    NotReady(&'static str),
    /// The database or something else did not answer; the request may be repeated.
    #[error("{0}")]
    Unavailable(String),
    /// A mistake of this program or a broken row; the log has more.
    #[error("something is broken here; the operator's log says what")]
    Internal,
}

impl ApiError {
    /// The status, and a code that stays the same whatever the words.
    #[must_use]
    pub const fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooLate(_) => (StatusCode::CONFLICT, "too_late"),
            Self::LeaseLost => (StatusCode::CONFLICT, "lease_lost"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnsupportedMediaType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::HeadersTooLarge { .. } => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
            ),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::TimedOut(_) => (StatusCode::SERVICE_UNAVAILABLE, "timed_out"),
            Self::NotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// As it is told.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        let (_, code) = self.status();
        let message = self.to_string();
        ErrorBody {
            error: ErrorDetail { code, message },
        }
    }
}

/// The one shape of errors.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs; stays the same whatever the words.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// For people: what was wrong, and what to do.
    pub message: String,
}

/// Whole seconds, rounded up: who comes back then is not too early.
fn retry_after(response: &mut Response, after: Duration) {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _) = self.status();
        let mut response = (status, Json(self.body())).into_response();
        match self {
            Self::RateLimited(after) => retry_after(&mut response, after),
            Self::Overloaded => retry_after(&mut response, Duration::ZERO),
            Self::Unauthorized => {
                let bearer = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, bearer);
            }
            _ => {}
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let passing = error.is_passing();
        let cause: &dyn std::error::Error = &error;
        tracing::error!(error = cause, passing, "a request met the database's error");
        if passing {
            Self::Unavailable("the database did not answer; try again".to_owned())
        } else {
            Self::Internal
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::LeaseLost => Self::LeaseLost,
            ControlError::Refused(reason) => Self::Invalid(reason),
            ControlError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<EnqueueError> for ApiError {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::AgentMissing(_) => Self::NotFound("agent"),
            EnqueueError::AgentDisabled(_) | EnqueueError::ConversationBoundToAnotherAgent(_) => {
                Self::Conflict(error.to_string())
            }
            EnqueueError::PayloadTooLarge { .. } => Self::TooLarge(error.to_string()),
            EnqueueError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::TenantMissing(_) => Self::NotFound("tenant"),
            TokenError::LongName => Self::Invalid(error.to_string()),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Store(error) => error.into(),
            SecretError::Seal { .. } | SecretError::Open { .. } => {
                tracing::error!(%error, "a secret could not be kept");
                Self::Internal
            }
        }
    }
}

impl From<AdmitError> for ApiError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Store(error) => error.into(),
            AdmitError::Compile(error @ CompileError::Unavailable(_)) => {
                tracing::error!(%error, "an upload met no compiler");
                Self::Unavailable("the compiler did not start; try again".to_owned())
            }
            AdmitError::Compile(error @ CompileError::TooLarge { .. }) => {
                Self::TooLarge(error.to_string())
            }
            AdmitError::Compile(error) => Self::Invalid(error.to_string()),
        }
    }
}

impl From<FolderError> for ApiError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::TooMany { .. }
            | FolderError::LargeFile { .. }
            | FolderError::Large { .. } => Self::TooLarge(error.to_string()),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::TenantMissing(_) => Self::NotFound("tenant"),
            WorkspaceError::AgentMissing(_) => Self::NotFound("agent"),
            WorkspaceError::TooMany { .. }
            | WorkspaceError::ToolTwice { .. }
            | WorkspaceError::OtherGrant(_)
            | WorkspaceError::PoolFixed(_) => Self::Conflict(error.to_string()),
            WorkspaceError::EngineNeeded(_)
            | WorkspaceError::EngineMissing(_)
            | WorkspaceError::TimeZone(_)
            | WorkspaceError::DocumentPath(_)
            | WorkspaceError::NotText(_) => Self::Invalid(error.to_string()),
            WorkspaceError::Store(error) => error.into(),
        }
    }
}

impl From<LimitSetError> for ApiError {
    fn from(error: LimitSetError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<IdError> for ApiError {
    fn from(error: IdError) -> Self {
        Self::Invalid(error.to_string())
    }
}
