//! `wasi:http`: requests of a skill, as far as its grants allow. What is denied is answered with `HTTP-request-denied`,
//! before any name is looked up and any socket is opened.
//!
//! `wasmtime-wasi-http` is built without a client of its own and keeps the guest's handles only; `handle` is replaced by
//! one that goes through the dispatcher like every other capability.

use crate::egress::Patience;
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::http::{self as requests, Asked, Refusal, Sending, Telling, prepare};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use serde::{Serialize, Serializer};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{
    Error, RequestOptions, Result, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

/// Header fields of one request, bytes, about as they lie in memory. Each takes a handle.
const FIELD_BYTES: usize = 16 << 10;
/// What is kept of the body of a request until the host takes it, bytes. Each takes a handle.
const BODY_BYTES: usize = 16 << 10;

/// The handles of one call's HTTP.
pub(in crate::engine) struct HttpHandles {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl HttpHandles {
    pub(in crate::engine) fn new() -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELD_BYTES);
        Self {
            context,
            hooks: Hooks,
        }
    }
}

struct Hooks;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// Nothing comes here: `handle` is this host's own.
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_BYTES
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: &mut self.table,
            ctx: &mut self.http.context,
        }
    }
}

/// One request; its answer comes later, and the guest may have several under way.
struct Handle {
    asked: Asked,
    body: Option<HyperOutgoingBody>,
    patience: Patience,
}

/// Where the request goes, and the names of its headers: what it sends besides is in the guest's hands already.
impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let Asked {
            method,
            scheme,
            authority,
            path_with_query,
            headers,
        } = &self.asked;
        let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        (method, scheme, authority, path_with_query, names).serialize(to)
    }
}

/// An answer that comes later, or why none does.
struct Begun(HostFutureIncomingResponse);

/// Whether the request was sent. Of its answer is told as it comes ([`Telling`]).
impl Serialize for Begun {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(match &self.0 {
            HostFutureIncomingResponse::Ready(Err(_)) => "refused",
            _ => "sent",
        })
    }
}

impl HostCall for Handle {
    type Answer = Begun;
    const NAME: &'static str = "wasi:http.handle";
    /// `limits.http_calls` bounds them.
    const COUNTED: bool = false;

    async fn answer(self, scope: &mut Scope) -> Result<Self::Answer, Stop> {
        let meter = scope.http.clone();
        meter.call()?;
        let telling = Telling::new(scope.tape.clone(), meter.usage().calls);
        meter.request(self.asked.bytes())?;
        let what = format!(
            "{} of host {}, path {}",
            self.asked.method,
            self.asked.authority,
            // Not the query: it may carry what only the other side should read.
            self.asked
                .path_with_query
                .split('?')
                .next()
                .unwrap_or_default(),
        );
        let redactor = &scope.session.redactor;
        let prepared = prepare(self.asked, &scope.grants.http, &scope.secrets, redactor);
        let wanted = match prepared {
            Ok(wanted) => wanted,
            Err(refusal) => {
                meter.denied();
                let refused = Err(refuse(scope, &what, refusal));
                return Ok(Begun(HostFutureIncomingResponse::Ready(refused)));
            }
        };
        let sending = Sending {
            egress: scope.session.egress().cloned(),
            patience: self.patience,
            meter,
            redactor: redactor.clone(),
            log: scope.log.clone(),
            telling,
        };
        let body = self.body;
        let answer = wasmtime_wasi::runtime::spawn(async move {
            let response = requests::send(wanted, body, sending).await?;
            // Reading drives itself: there is no other work to keep alive for it.
            Ok((response, wasmtime_wasi::runtime::spawn(async {})))
        });
        Ok(Begun(HostFutureIncomingResponse::Pending(answer)))
    }
}

/// Tell the author why, and the guest as much as there are codes for.
fn refuse(scope: &Scope, what: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::NotGranted(lines) => {
            scope.denied(
                &format!("an HTTP request was denied: {what}"),
                &format!("\n{lines}"),
            );
            Error::HttpRequestDenied
        }
        Refusal::Denied(why) => {
            scope.log.line(
                "warn",
                &format!("an HTTP request was denied: {what}: {why}"),
            );
            Error::HttpRequestDenied
        }
        // The one code with a text: who made this call should hear what to do.
        Refusal::NotConfigured(why) => {
            scope.log.line(
                "error",
                &format!("an HTTP request was not sent: {what}: {why}"),
            );
            Error::InternalError(Some(format!("not configured: {why}")))
        }
    }
}

/// `wasi:http` with this host's own way out.
pub(in crate::engine) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let options = wasmtime_wasi_http::p2::bindings::LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &options.into(), CallState::http)?;
    let mut handler = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    handler.func_wrap_async("handle", |store, parameters: Parameters| {
        Box::new(async move { Ok((handle(store, parameters).await?,)) })
    })
}

type Parameters = (
    Resource<HostOutgoingRequest>,
    Option<Resource<RequestOptions>>,
);
type Answer = std::result::Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

async fn handle(
    mut store: StoreContextMut<'_, CallState>,
    (request, options): Parameters,
) -> wasmtime::Result<Answer> {
    let state = store.data_mut();
    let options = match options {
        Some(options) => state.table.delete(options)?,
        None => RequestOptions::default(),
    };
    let request = state.table.delete(request)?;
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in request.headers.iter() {
        headers.append(name.clone(), value.clone());
    }
    let asked = Asked {
        method: method(request.method),
        scheme: match request.scheme {
            None | Some(Scheme::Https) => "https".to_owned(),
            Some(Scheme::Http) => "http".to_owned(),
            Some(Scheme::Other(other)) => other,
        },
        authority: request.authority.unwrap_or_default(),
        path_with_query: request.path_with_query.unwrap_or_default(),
        headers,
    };
    let head = match (options.connect_timeout, options.first_byte_timeout) {
        (Some(connect), Some(first)) => Some(connect.saturating_add(first)),
        (None, first) => first,
        // Only the way there is bounded, and the host has no clock for it alone.
        (Some(_), None) => None,
    };
    let call = Handle {
        asked,
        body: request.body,
        patience: Patience {
            first_byte: head,
            idle: options.between_bytes_timeout,
        },
    };
    let Begun(answer) = state.scope.call(call).await?;
    Ok(Ok(state.table.push(answer)?))
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => return other,
    }
    .to_owned()
}
