//! What a guest gets of the answer to a request, told as it gets it.

use crate::engine::recorder::Tape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use wasmtime_wasi_http::{Error, WasiBody};

/// Tells the recorder about one request of a call. An answer comes while other things happen, even before the request itself
/// is told: it is named by the request.
#[derive(Clone)]
pub(in crate::engine) struct Telling {
    tape: Tape,
    /// Which request of the call, from 1.
    request: u32,
}

impl Telling {
    pub(in crate::engine) const fn new(tape: Tape, request: u32) -> Self {
        Self { tape, request }
    }

    /// Status and headers, without secrets; or why there are none.
    pub(super) fn head(&self, answer: &Result<http::Response<WasiBody>, Error>) {
        self.tell("wasi:http.response", answer, |response| {
            let headers = response.headers().iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                json!([name.as_str(), value])
            });
            json!({ "status": response.status().as_u16(), "headers": headers.collect::<Vec<_>>() })
        });
    }

    /// A piece of the body in base64, without secrets; null at its end.
    pub(super) fn piece(&self, piece: &Result<Option<Bytes>, Error>) {
        self.tell("wasi:http.body", piece, |piece| {
            json!(piece.as_ref().map(|bytes| STANDARD.encode(bytes)))
        });
    }

    fn tell<T>(
        &self,
        name: &'static str,
        answer: &Result<T, Error>,
        shown: impl FnOnce(&T) -> Value,
    ) {
        // Nothing is made where nobody is told.
        if let Some(request) = self.tape.request(&self.request) {
            let answer = answer.as_ref().map(shown);
            let answer = answer.map_err(|error| format!("{error:?}"));
            self.tape.answer(name, Some(request), &answer);
        }
    }
}
