//! `wasi:http`: it links, because language runtimes import it, and no request leaves.
//!
//! A request is answered with `HTTP-request-denied` before any name is looked up and any socket is
//! opened: `wasmtime-wasi-http` is built without a client of its own, so there is nothing here that
//! could send one.

use crate::engine::log::CallLog;
use crate::engine::state::CallState;
use http::{Request, Response};
use wasmtime_wasi_http::{
    Error, RequestOptions, Result, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

/// Header fields of one request, bytes, about as they lie in memory. Each takes a handle.
const FIELD_BYTES: usize = 16 << 10;
/// What is kept of the body of a request that is never sent, bytes. Each takes a handle.
const BODY_BYTES: usize = 16 << 10;

/// The HTTP of one call: its requests are written down and denied.
pub(in crate::engine) struct DeniedHttp {
    context: WasiHttpCtx,
    hooks: Denial,
}

struct Denial {
    log: CallLog,
}

impl DeniedHttp {
    /// Denials go to this log, with what the request would have needed.
    pub(in crate::engine) fn new(log: CallLog) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELD_BYTES);
        Self {
            context,
            hooks: Denial { log },
        }
    }
}

type Sending = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Denial {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Sending,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Sending)>> + Send> {
        let uri = request.uri();
        // Not the query: it may carry what only the other side should read.
        self.log.line(
            "warn",
            &format!(
                "an HTTP request was denied: it needs a grant for {} of host {}, path {}, and this host \
                 grants no HTTP",
                request.method(),
                uri.authority().map_or("", |authority| authority.as_str()),
                uri.path(),
            ),
        );
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
