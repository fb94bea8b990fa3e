//! A skill that sends whatever requests it is told to, and tells everything it sees of them.
//!
//! Built on the bindings of `wit/` and of WASI alone, without the SDK: what no honest client would send can be sent.

#![allow(clippy::disallowed_methods, reason = "it does what nobody should")]

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "agent-factory:guest/skill-pure",
        generate_all,
    });
}

use bindings::agent_factory::guest::config;
use bindings::agent_factory::guest::types::{Content, Hints, Tool, ToolError, ToolOutput};
use bindings::exports::agent_factory::guest::toolbox::{Guest, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

struct HostileHttp;

#[derive(Deserialize)]
struct Arguments {
    /// All are under way at once.
    requests: Vec<Request>,
    /// Whether credentials of these names are there.
    #[serde(default)]
    credentials: Vec<String>,
    /// Put the bodies of all answers together.
    #[serde(default)]
    join: bool,
}

#[derive(Clone, Deserialize)]
struct Request {
    #[serde(default = "get")]
    method: String,
    #[serde(default = "plain")]
    scheme: String,
    authority: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    /// The body this often.
    #[serde(default = "once")]
    body_times: usize,
    #[serde(default)]
    trailers: bool,
    /// Leave the body open.
    #[serde(default)]
    unfinished: bool,
    #[serde(default)]
    first_byte_ms: Option<u64>,
    /// Follow this many redirects.
    #[serde(default)]
    follow: usize,
    /// The same request this often, one after the other.
    #[serde(default = "once")]
    times: usize,
}

fn get() -> String {
    "GET".to_owned()
}

fn plain() -> String {
    "http".to_owned()
}

const fn once() -> usize {
    1
}

impl Guest for HostileHttp {
    fn tools() -> Vec<Tool> {
        vec![Tool {
            name: "send".to_owned(),
            title: None,
            description: "Sends requests.".to_owned(),
            input_schema: r#"{"type":"object"}"#.to_owned(),
            output_schema: None,
            hints: Hints {
                read_only: false,
                destructive: false,
                idempotent: false,
                open_world: true,
            },
        }]
    }

    fn call(call: ToolCall) -> Result<ToolOutput, ToolError> {
        let arguments: Arguments = serde_json::from_str(&call.arguments())
            .map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        let mut seen = Vec::new();
        for name in &arguments.credentials {
            seen.push(json!({ "credential": config::has_credential(name) }));
        }
        let mut under_way = Vec::new();
        for request in &arguments.requests {
            for _ in 1..request.times {
                seen.push(finish(request, begin(request)));
            }
            under_way.push((request, begin(request)));
        }
        seen.extend(
            under_way
                .into_iter()
                .map(|(request, begun)| finish(request, begun)),
        );
        if arguments.join {
            let bodies = seen.iter().filter_map(|one| one["body"].as_str());
            let joined: String = bodies.collect();
            seen.push(json!({ "joined": joined }));
        }
        Ok(ToolOutput {
            content: vec![Content::Text(Value::from(seen).to_string())],
            structured: None,
        })
    }
}

/// Under way; with the headers the guest can read of its own request.
struct Begun {
    response: FutureIncomingResponse,
    own: Fields,
    open: Option<OutgoingBody>,
}

fn begin(request: &Request) -> Result<Begun, String> {
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|error| format!("header {name}: {error:?}"))?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match request.scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    outgoing.set_method(&method).map_err(|()| "method")?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    outgoing
        .set_authority(Some(&request.authority))
        .map_err(|()| "authority")?;
    outgoing
        .set_path_with_query(Some(&request.path))
        .map_err(|()| "path")?;
    let options = request.first_byte_ms.map(|milliseconds| {
        let options = RequestOptions::new();
        let _ = options.set_first_byte_timeout(Some(milliseconds * 1_000_000));
        options
    });
    let own = outgoing.headers();
    let body = request
        .body
        .as_ref()
        .map(|_| outgoing.body().map_err(|()| "body"))
        .transpose()?;
    let response =
        outgoing_handler::handle(outgoing, options).map_err(|code| format!("at once: {code:?}"))?;
    let mut open = None;
    if let (Some(body), Some(text)) = (body, &request.body) {
        let stream = body.write().map_err(|()| "write")?;
        for _ in 0..request.body_times {
            for piece in text.as_bytes().chunks(4_096) {
                // What the host does not want any more, it says with its answer.
                if stream.blocking_write_and_flush(piece).is_err() {
                    break;
                }
            }
        }
        drop(stream);
        if request.unfinished {
            open = Some(body);
        } else {
            let trailers = request.trailers.then(|| {
                let trailers = Fields::new();
                let _ = trailers.append("x-smuggled", b"1");
                trailers
            });
            let _ = OutgoingBody::finish(body, trailers);
        }
    }
    Ok(Begun {
        response,
        own,
        open,
    })
}

fn finish(request: &Request, begun: Result<Begun, String>) -> Value {
    let begun = match begun {
        Ok(begun) => begun,
        Err(what) => return json!({ "refused": what }),
    };
    begun.response.subscribe().block();
    let answer = match begun.response.get() {
        Some(Ok(answer)) => answer,
        _ => return json!({ "refused": "no answer" }),
    };
    let own = pairs(&begun.own);
    drop(begun.open);
    let mut seen = match answer {
        Ok(response) => read(&response),
        Err(code) => return json!({ "error": format!("{code:?}"), "own": own }),
    };
    if let Some(map) = seen.as_object_mut() {
        map.insert("own".to_owned(), own);
    }
    let location = seen["location"].as_str().map(str::to_owned);
    if let (Some(location), 1..) = (location, request.follow) {
        let (scheme, rest) = location.split_once("://").unwrap_or(("http", ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let next = Request {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            follow: request.follow - 1,
            times: 1,
            ..request.clone()
        };
        return json!({ "followed": finish(&next, begin(&next)) });
    }
    seen
}

fn pairs(fields: &Fields) -> Value {
    let entries = fields.entries();
    let pairs = entries
        .iter()
        .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    pairs.collect()
}

fn read(response: &IncomingResponse) -> Value {
    let headers = response.headers();
    let location = headers
        .get("location")
        .first()
        .map(|to| String::from_utf8_lossy(to).into_owned());
    let mut seen =
        json!({ "status": response.status(), "headers": pairs(&headers), "location": location });
    let Ok(body) = response.consume() else {
        return seen;
    };
    let mut bytes = Vec::new();
    let mut count = 0;
    let stream = body.stream().expect("the first stream");
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => {
                count += piece.len();
                if bytes.len() < 64 << 10 {
                    bytes.extend(piece);
                }
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                seen["broke"] = wasip2::http::types::http_error_code(&error)
                    .map_or_else(|| error.to_debug_string(), |code| format!("{code:?}"))
                    .into();
                break;
            }
        }
    }
    drop(stream);
    let _ = IncomingBody::finish(body);
    seen["bytes"] = count.into();
    seen["body"] = String::from_utf8_lossy(&bytes).into();
    seen
}

bindings::export!(HostileHttp with_types_in bindings);
