use super::ApiError;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

/// Refuses a request whose headers are larger than `server.header_bytes_max`.
pub(super) async fn bounded(
    State(max): State<usize>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let bytes: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .sum();
    if bytes > max {
        return Err(ApiError::HeadersTooLarge { bytes, max });
    }
    Ok(next.run(request).await)
}
