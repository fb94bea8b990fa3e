//! A request by `wasi:http`.

use super::request::parts;
use super::{Error, Response, Sent};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

/// What is written, or read, in one piece, bytes.
const WRITTEN: usize = 4 << 10;
const READ: u64 = 64 << 10;
/// How the host begins what a person must do.
const NOT_CONFIGURED: &str = "not configured: ";

/// Sends a request, and reads all of its answer.
#[expect(
    clippy::needless_pass_by_value,
    reason = "its twin in tests keeps what was sent"
)]
pub(crate) fn send(sent: Sent) -> Result<Response, Error> {
    let request = request(&sent)?;
    let body = match sent.body.is_empty() {
        true => None,
        false => Some(request.body().map_err(|()| invalid("its body"))?),
    };
    let options = sent.timeout_milliseconds.map(|milliseconds| {
        let options = RequestOptions::new();
        // Where it is not supported, the host's own patience is what counts.
        options
            .set_first_byte_timeout(Some(u64::from(milliseconds) * 1_000_000))
            .ok();
        options
    });
    let answer = outgoing_handler::handle(request, options).map_err(|code| told(&code))?;
    if let Some(body) = body {
        write(body, &sent.body);
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => read(&response),
        Some(Ok(Err(code))) => Err(told(&code)),
        _ => Err(Error::Unreachable("the host gave no answer".to_owned())),
    }
}

fn request(sent: &Sent) -> Result<OutgoingRequest, Error> {
    let (scheme, authority, path) = parts(&sent.url).ok_or_else(|| invalid("its URL"))?;
    let fields = Fields::new();
    for (name, value) in &sent.headers {
        fields.append(name, value.as_bytes()).map_err(|error| {
            Error::Invalid(format!("the header {name} cannot be set: {error:?}"))
        })?;
    }
    let request = OutgoingRequest::new(fields);
    let scheme = match scheme {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let path = match path {
        "" => "/",
        path => path,
    };
    request
        .set_method(&method(&sent.method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| invalid("its method or its URL"))?;
    Ok(request)
}

fn method(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

fn invalid(what: &str) -> Error {
    Error::Invalid(format!("the request cannot be made: {what}"))
}

/// What the host does not want any more, it says with its answer.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if let Ok(stream) = body.write() {
        for piece in bytes.chunks(WRITTEN) {
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }
    OutgoingBody::finish(body, None).ok();
}

fn read(response: &IncomingResponse) -> Result<Response, Error> {
    let status = response.status();
    let headers = response.headers().entries();
    let mut bytes = Vec::new();
    let body = response
        .consume()
        .map_err(|()| Error::Unusable("the answer has no body".to_owned()))?;
    let stream = body
        .stream()
        .map_err(|()| Error::Unusable("the answer has no body".to_owned()))?;
    loop {
        match stream.blocking_read(READ) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                let why = code.map_or_else(|| error.to_debug_string(), |code| format!("{code:?}"));
                return Err(Error::Unusable(format!("the answer broke off: {why}")));
            }
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(Response {
        status,
        headers,
        body: bytes,
    })
}

fn told(code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied,
        ErrorCode::InternalError(Some(text)) => match text.strip_prefix(NOT_CONFIGURED) {
            Some(why) => Error::NotConfigured(why.to_owned()),
            None => Error::Unreachable(text.clone()),
        },
        ErrorCode::HttpResponseContentCoding(_) => Error::Unusable(
            "the server compressed its answer though it was asked not to".to_owned(),
        ),
        other => Error::Unreachable(format!("no answer: {other:?}")),
    }
}
