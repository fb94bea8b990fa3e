//! From a request to its answer.

use super::reply::{Fault, Reply};
use super::{Request, Shared};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let stopping = shared.stopping.clone();
    let service = Router::new().fallback(answer).with_state(shared);
    axum::serve(listener, service)
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request = Request {
        path: uri.path().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let authorization = request
        .headers
        .get("authorization")
        .cloned()
        .unwrap_or_default();
    let (scripted, key) = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        let count = state.requests.len();
        shared.arrived.send_replace(count);
        (state.replies.pop_front(), state.key.clone())
    };
    if !request.path.ends_with("/chat/completions") {
        return refusal(
            404,
            json!({ "error": { "message": "Not Found", "type": "invalid_request_error" } }),
        );
    }
    if key.is_some_and(|key| authorization != format!("Bearer {key}")) {
        let message = "Incorrect API key provided.";
        let error = json!({ "message": message, "type": "invalid_request_error", "code": "invalid_api_key" });
        return refusal(401, json!({ "error": error }));
    }
    let reply = scripted.unwrap_or_else(|| Reply::words(&echo(&request.body)));
    match &reply.fault {
        Some(fault) => misbehave(fault, &reply, &request, &authorization, shared).await,
        None => in_order(&reply, &request, shared),
    }
}

/// What the person said last.
fn echo(body: &Value) -> String {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let said = messages
        .iter()
        .rev()
        .find(|message| message["role"] == "user");
    let said = said
        .and_then(|message| message["content"].as_str())
        .unwrap_or("nothing");
    format!("You said: {said}")
}

fn in_order(reply: &Reply, request: &Request, shared: Arc<Shared>) -> Response<Body> {
    let model = &request.body["model"];
    if reply.plain || request.body["stream"] != true {
        return json_answer(200, &reply.body(model));
    }
    let events = reply.events(model).into_iter().map(|data| event(&data));
    event_stream(stream::iter(events.collect::<Vec<_>>()), shared)
}

fn event(data: &str) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

async fn misbehave(
    fault: &Fault,
    reply: &Reply,
    request: &Request,
    authorization: &str,
    shared: Arc<Shared>,
) -> Response<Body> {
    let model = &request.body["model"];
    match fault {
        Fault::Status(code, body) => refusal(*code, body.clone()),
        Fault::RetryAfter(seconds) => {
            let mut answer = refusal(
                429,
                json!({ "error": { "message": "Rate limit reached", "type": "tokens" } }),
            );
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, (*seconds).into());
            answer
        }
        Fault::EchoRefused => {
            let message = format!("Incorrect API key provided: {authorization}");
            refusal(
                401,
                json!({ "error": { "message": message, "code": "invalid_api_key" } }),
            )
        }
        Fault::Redirect(to) => {
            let mut answer = refusal(307, Value::Null);
            answer
                .headers_mut()
                .insert(header::LOCATION, to.parse().expect("an address"));
            answer
        }
        Fault::Hang => std::future::pending().await,
        Fault::Drip(pause) => {
            let pause = *pause;
            let bytes = stream::unfold((), move |()| async move {
                tokio::time::sleep(pause).await;
                Some((b":".to_vec(), ()))
            });
            event_stream(stream::iter([b":".to_vec()]).chain(bytes), shared)
        }
        Fault::BreakOff => {
            let events = reply.events(model);
            let half = |data: &String| data.chars().take(20).collect::<String>();
            let pieces = vec![
                Ok(event(&events[0])),
                Ok(event(&events[1])),
                Ok(format!("data: {}", half(&events[2])).into_bytes()),
                Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            ];
            let pieces = stream::iter(pieces).then(|piece| async move {
                // What was written is on its way before the connection breaks.
                tokio::task::yield_now().await;
                piece
            });
            with_body(200, "text/event-stream", Body::from_stream(pieces))
        }
        Fault::EndEarly => {
            let events = reply
                .events(model)
                .into_iter()
                .take(3)
                .map(|data| event(&data));
            event_stream(stream::iter(events.collect::<Vec<_>>()), shared)
        }
        Fault::Oversized(bytes) => {
            let data = "x".repeat(*bytes);
            event_stream(stream::iter([event(&data)]), shared)
        }
        Fault::Endless => {
            let one = event(&reply.events(model)[1]);
            event_stream(stream::repeat(one), shared)
        }
        Fault::EchoAuthorization => {
            use std::fmt::Write as _;
            let mut text = format!("Your header is {authorization}; as hex ");
            for byte in authorization.bytes() {
                write!(text, "{byte:02x}").expect("a text");
            }
            // In one piece: a model that repeats it letter by letter is another matter.
            let delta = json!({ "content": text });
            let chunk =
                json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": "stop" }] });
            let events = [event(&chunk.to_string()), event("[DONE]")];
            event_stream(stream::iter(events), shared)
        }
        Fault::Garbage => {
            let bytes = b"\xef\xbb\xbfdata: \xff\xfe{\n\n".to_vec();
            event_stream(stream::iter([bytes]), shared)
        }
    }
}

/// Tells the test when an answer is over, however it ends.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closed.send_modify(|count| *count += 1);
    }
}

fn event_stream(
    events: impl Stream<Item = Vec<u8>> + Send + 'static,
    shared: Arc<Shared>,
) -> Response<Body> {
    let closing = Closing(shared);
    let pieces = events.map(move |event| {
        let _held = &closing;
        Ok::<_, io::Error>(event)
    });
    with_body(200, "text/event-stream", Body::from_stream(pieces))
}

fn refusal(code: u16, body: Value) -> Response<Body> {
    json_answer(code, &body)
}

fn json_answer(code: u16, body: &Value) -> Response<Body> {
    with_body(code, "application/json", Body::from(body.to_string()))
}

fn with_body(code: u16, media_type: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status");
    let media_type = header::HeaderValue::from_static(media_type);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    answer
}
