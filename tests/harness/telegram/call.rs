//! Reading a call: `/bot<token>/<method>`, with parameters from the query and the body.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::answer::Refusal;

/// Bytes of a body, at most; the longest message takes far fewer.
const MAX_BODY: usize = 1 << 20;

/// The parameters of a call. A parameter that is empty or `null` counts as missing.
pub(super) struct Parameters(pub(super) Map<String, Value>);

/// Takes `/bot<token>/<method>` apart.
pub(super) fn route(uri: &Uri) -> Option<(String, String)> {
    let (token, method) = uri.path().strip_prefix("/bot")?.split_once('/')?;
    // Some clients escape the colon, which they need not.
    let token = token.replace("%3A", ":").replace("%3a", ":");
    Some((token, method.to_owned()))
}

impl Parameters {
    /// Reads query and body; of two values for a name the body's wins.
    pub(super) async fn read(request: Request) -> Result<Self, Refusal> {
        let mut all = urlencoded(request.uri().query().unwrap_or_default());
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY)
            .await
            .map_err(|_| Refusal::new(413, "Request Entity Too Large"))?;
        all.extend(from_body(&head.headers, &body)?);
        all.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        Ok(Self(all))
    }

    /// A text; numbers count as their digits.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, also as a string of digits.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let number = match value {
            Value::String(digits) => digits.parse().ok(),
            other => other.as_i64(),
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Refusal::bad_request(&format!("{name} must be an integer"))),
        }
    }

    /// An object or array, also as a string of JSON.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.0.get(name) {
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(Refusal::bad_request(&format!(
                    "can't parse {name} JSON object"
                ))),
            },
            other => Ok(other.cloned()),
        }
    }
}

fn from_body(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match kind.as_str() {
        _ if body.is_empty() => Ok(Map::new()),
        "application/json" => serde_json::from_slice(body)
            .map_err(|_| Refusal::bad_request("can't parse JSON object")),
        "application/x-www-form-urlencoded" => Ok(urlencoded(&String::from_utf8_lossy(body))),
        // The real one takes it; files are all it is for, and no method here takes a file.
        "multipart/form-data" => Err(Refusal::new(501, "this double reads no multipart body")),
        _ => Ok(Map::new()),
    }
}

fn urlencoded(text: &str) -> Map<String, Value> {
    // A query is encoded as a form is, and reqwest brings a reader for those.
    let mut url = reqwest::Url::parse("http://localhost").expect("a constant");
    url.set_query(Some(text));
    url.query_pairs()
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}
