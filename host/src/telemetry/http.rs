use super::Metrics;
use crate::clock::Ids;
use crate::domain::TraceId;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Operation ids by the method and the template of their route, for example (`POST`, `/v1/tenants/{tenantId}/messages`).
pub type Operations = BTreeMap<(String, String), String>;

/// What [`observe`] needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    metrics: Metrics,
    ids: Ids,
    operations: Arc<Operations>,
}

impl Observer {
    /// Counts in `metrics`. A route that `operations` does not name is counted by its template.
    #[must_use]
    pub fn new(metrics: Metrics, ids: Ids, operations: Operations) -> Self {
        Self {
            metrics,
            ids,
            operations: Arc::new(operations),
        }
    }

    fn operation(&self, request: &Request) -> String {
        let Some(route) = request.extensions().get::<MatchedPath>() else {
            // Whatever somebody made up: one word for all of it.
            return "none".to_owned();
        };
        let key = (request.method().to_string(), route.as_str().to_owned());
        let named = self.operations.get(&key).cloned();
        named.unwrap_or(key.1)
    }
}

/// Count a request, and run it in a span of its trace: that of its `traceparent` header, or a new one. Handlers find the
/// [`TraceId`] among the request's extensions. A layer for `axum::middleware::from_fn_with_state`, around all routes.
pub async fn observe(
    State(observer): State<Observer>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<TraceId>().is_some() {
        // Counted already, by the same layer further out.
        return next.run(request).await;
    }
    let began = Instant::now();
    let operation = observer.operation(&request);
    let method = method(request.method());
    let Some(trace_id) = trace_of(request.headers(), &observer.ids) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let span = tracing::info_span!("request", trace.id = %trace_id, method, operation);
    request.extensions_mut().insert(trace_id);
    let response = next.run(request).instrument(span).await;
    let class = class(response.status());
    observer
        .metrics
        .request(method, &operation, class, began.elapsed());
    response
}

/// The trace a request belongs to; none where not even an id can be made. Two headers are as good as none.
fn trace_of(headers: &HeaderMap, ids: &Ids) -> Option<TraceId> {
    let mut sent = headers.get_all("traceparent").iter();
    let header = sent.next().filter(|_| sent.next().is_none());
    header
        .and_then(|header| header.to_str().ok())
        .and_then(TraceId::from_traceparent)
        .or_else(|| ids.trace().ok())
}

/// Anybody can make up a method.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    async fn ask(metrics: &Metrics, method: &str, path: &str, header: Option<&str>) -> String {
        let operations = Operations::from([(
            ("GET".to_owned(), "/of/{id}".to_owned()),
            "named".to_owned(),
        )]);
        let observer = Observer::new(metrics.clone(), Ids::seeded(1), operations);
        let trace =
            |axum::Extension(trace): axum::Extension<TraceId>| async move { trace.to_string() };
        let router = Router::new()
            .route("/of/{id}", get(trace))
            .route("/unnamed", get(trace))
            .layer(axum::middleware::from_fn_with_state(observer, observe));
        let mut request = axum::http::Request::builder().method(method).uri(path);
        if let Some(header) = header {
            request = request.header("traceparent", header);
        }
        let answer = router
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_request_keeps_the_trace_it_came_with_and_gets_one_where_it_has_none() {
        let metrics = Metrics::new();
        let kept = ask(&metrics, "GET", "/of/1", Some(SENT)).await;
        assert_eq!(kept, "4bf92f3577b34da6a3ce929d0e0e4736");
        for header in [None, Some("00-4bf9"), Some("")] {
            let made = ask(&metrics, "GET", "/of/1", header).await;
            assert!(made.parse::<TraceId>().is_ok() && made != kept, "{made}");
        }
    }

    #[tokio::test]
    async fn requests_are_counted_by_words_of_ours_whatever_was_asked() {
        let metrics = Metrics::new();
        ask(&metrics, "GET", "/of/acme", None).await;
        ask(&metrics, "GET", "/of/other", None).await;
        ask(&metrics, "GET", "/unnamed", None).await;
        ask(&metrics, "BREW", "/of/acme", None).await;
        ask(&metrics, "GET", "/5ec12e7", None).await;
        let text = metrics.render();
        for line in [
            r#"{method="GET",operation="named",status="2xx"} 2"#,
            r#"{method="GET",operation="/unnamed",status="2xx"} 1"#,
            r#"{method="other",operation="/of/{id}",status="4xx"} 1"#,
            r#"{method="GET",operation="none",status="4xx"} 1"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(
            !text.contains("acme") && !text.contains("5ec12e7"),
            "{text}"
        );
    }
}
