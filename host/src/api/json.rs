use super::ApiError;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A body of JSON, in both directions. What cannot be read is answered in the one shape of errors, and nothing of what
/// was sent is repeated in the answer: it may be a secret in the wrong place.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType("application/json"));
        }
        let body = Bytes::from_request(request, state).await?;
        read(&body, "body").map(Self)
    }
}

/// Read a value; a refusal calls it `what`.
pub(super) fn read<T: DeserializeOwned>(json: &[u8], what: &str) -> Result<T, ApiError> {
    serde_json::from_slice(json).map_err(|error| ApiError::Invalid(refusal(&error, what)))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge("the body has more bytes than are taken".to_owned())
        } else {
            Self::Invalid("the body did not arrive as a whole".to_owned())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// Where a value is wrong, and what is expected there, without the value that is there.
fn refusal(error: &serde_json::Error, what: &str) -> String {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return format!("the {what} is not JSON: line {line}, column {column}");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}"));
    let text = text.unwrap_or("a value is of another kind");
    let shows_value = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .any(|start| text.starts_with(start));
    let said = match text.rfind(", expected ") {
        Some(at) if shows_value => text.get(at..).unwrap_or_default().trim_start_matches(", "),
        None if shows_value => "a value is of another kind",
        _ => text,
    };
    format!("the {what} is refused: {said} (line {line}, column {column})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "read by serde")]
        number: u8,
        #[expect(dead_code, reason = "read by serde")]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Good,
    }

    #[test]
    fn a_refusal_says_what_is_expected_and_repeats_no_value() {
        for (body, said) in [
            (r#""5ec12e7""#, "expected struct Body"),
            (r#"{"number": "5ec12e7"}"#, "expected u8"),
            (r#"{"number": 512127}"#, "expected u8"),
            (r#"{"number": 1, "kind": "5ec12e7"}"#, "expected `good`"),
            (
                r#"{"number": 1, "more": "5ec12e7"}"#,
                "unknown field `more`",
            ),
            ("{}", "missing field `number`"),
            (r#"{"number": 1"#, "is not JSON"),
            ("5ec12e7, expected something", "is not JSON"),
        ] {
            let error = serde_json::from_str::<Body>(body).unwrap_err();
            let refusal = refusal(&error, "body");
            assert!(refusal.contains(said), "{body}: {refusal}");
            assert!(!refusal.contains("5ec12e7"), "{body}: {refusal}");
            assert!(!refusal.contains("512127"), "{body}: {refusal}");
        }
        assert_eq!(Kind::Good as u8, 0);
    }

    #[test]
    fn only_json_is_called_json() {
        let accepted = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            is_json(&headers)
        };
        assert!(accepted("application/json"));
        assert!(accepted("Application/JSON; charset=utf-8"));
        assert!(!accepted("text/plain"));
        assert!(!accepted("application/jsonp"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
