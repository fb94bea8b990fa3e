use super::ApiError;
use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// What the path names beside the tenant, which the caller's extractor checks.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(named)| Self(named))
            .map_err(|rejection| ApiError::Invalid(refusal(&rejection)))
    }
}

fn refusal(rejection: &PathRejection) -> String {
    let said = match rejection {
        PathRejection::FailedToDeserializePathParams(error) => match error.kind() {
            ErrorKind::DeserializeError { key, message, .. } => format!("{key}: {message}"),
            ErrorKind::ParseErrorAtKey {
                key, expected_type, ..
            } => format!("{key} must be a {expected_type}"),
            ErrorKind::InvalidUtf8InPathParam { key } => format!("{key} is not UTF-8"),
            ErrorKind::Message(message) => message.clone(),
            _ => "it names something else".to_owned(),
        },
        _ => "it names something else".to_owned(),
    };
    format!("the path is refused: {said}")
}
