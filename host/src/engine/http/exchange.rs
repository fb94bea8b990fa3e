//! One request and its answer: bounded, and without secrets.

use super::meter::HttpMeter;
use super::request::{Refusal, Wanted, secret_inside};
use super::telling::Telling;
use crate::egress::{
    Answer, Egress, EgressError, Outgoing, Patience, RedactedStream, Redactor, Refused,
};
use crate::engine::log::CallLog;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use reqwest::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use wasmtime_wasi_http::{Error, WasiBody};

/// What sending needs beside the request.
pub(in crate::engine) struct Sending {
    pub(in crate::engine) egress: Option<Egress>,
    pub(in crate::engine) patience: Patience,
    pub(in crate::engine) meter: HttpMeter,
    pub(in crate::engine) redactor: Redactor,
    pub(in crate::engine) log: CallLog,
    pub(in crate::engine) telling: Telling,
}

/// Take the body from the guest, send the request, and give its answer's head.
pub(in crate::engine) async fn send(
    wanted: Wanted,
    body: Option<WasiBody>,
    sending: Sending,
) -> Result<http::Response<WasiBody>, Error> {
    let telling = sending.telling.clone();
    let answer = send_untold(wanted, body, sending).await;
    telling.head(&answer);
    answer
}

async fn send_untold(
    wanted: Wanted,
    body: Option<WasiBody>,
    sending: Sending,
) -> Result<http::Response<WasiBody>, Error> {
    let host = wanted.url.host_str().unwrap_or_default().to_owned();
    let body = match body {
        Some(body) => whole(body, &sending).await?,
        None => Vec::new(),
    };
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if wanted.length.is_some_and(|length| length != size) {
        return Err(Error::HttpRequestBodySize(Some(size)));
    }
    if sending.redactor.finds(&body) {
        let Refusal::Denied(why) = secret_inside() else {
            return Err(Error::HttpRequestDenied);
        };
        sending.meter.denied();
        sending
            .log
            .line("warn", &format!("an HTTP request was denied: {why}"));
        return Err(Error::HttpRequestDenied);
    }
    let Some(egress) = &sending.egress else {
        return Err(Error::HttpRequestDenied);
    };
    let Wanted {
        method,
        url,
        headers,
        ..
    } = wanted;
    let outgoing = Outgoing {
        method,
        url,
        headers,
        body,
    };
    match egress.send_alone(outgoing, sending.patience).await {
        Ok(answer) => told(answer, sending),
        Err(error) => Err(failed(&host, &error, &sending)),
    }
}

/// All of a body, as far as it may be.
async fn whole(mut body: WasiBody, sending: &Sending) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Ok(data) = frame.into_data() else {
            let text = "an HTTP request was denied: trailers are not sent; leave them out";
            sending.log.line("warn", text);
            return Err(Error::HttpRequestDenied);
        };
        sending
            .meter
            .request(data.len())
            .map_err(|_| Error::HttpRequestBodySize(None))?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// What went wrong, in the guest's words, and in the receipt's.
fn failed(host: &str, error: &EgressError, sending: &Sending) -> Error {
    sending.log.line(
        "warn",
        &format!("the HTTP request to {host} failed: {error}"),
    );
    match error {
        EgressError::Refused(Refused::Private(_)) => {
            sending.meter.denied();
            Error::DestinationIpProhibited
        }
        EgressError::Refused(Refused::Plain | Refused::Url) => {
            sending.meter.denied();
            Error::HttpRequestDenied
        }
        EgressError::Unreachable(_) => Error::DestinationUnavailable,
        EgressError::Interrupted(_) => Error::HttpResponseIncomplete,
    }
}

/// An answer, as the guest may see it.
fn told(answer: Answer, sending: Sending) -> Result<http::Response<WasiBody>, Error> {
    let spent = |_| Error::HttpResponseBodySize(None);
    let status =
        http::StatusCode::from_u16(answer.status()).map_err(|_| Error::HttpProtocolError)?;
    if status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::HttpUpgradeFailed);
    }
    let headers = answer.headers();
    let bytes = headers
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .fold(0, usize::saturating_add);
    sending.meter.response(bytes).map_err(spent)?;
    if let Some(coding) = coded(headers, &sending.redactor) {
        sending.log.line(
            "warn",
            &format!(
                "the response was refused: it is encoded ({coding}) although it was asked for as it is; the host could \
                 not look through it"
            ),
        );
        return Err(Error::HttpResponseContentCoding(Some(coding)));
    }
    let mut response = http::Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = clean(headers, &sending.redactor);
    Ok(response.map(|()| body(answer, sending)))
}

/// The first coding of a body that is not looked through. Where its header repeats a secret, that is looked for before
/// anything is cut.
fn coded(headers: &HeaderMap, redactor: &Redactor) -> Option<String> {
    let codings = |name, plain: &'static str| {
        let values = headers.get_all(name).into_iter();
        let values = values.map(|value| redactor.redact_bytes(value.as_bytes()));
        values
            .flat_map(|value| {
                let codings = value.split(|byte| *byte == b',').map(<[u8]>::to_vec);
                codings.collect::<Vec<_>>()
            })
            .map(|coding| String::from_utf8_lossy(&coding).trim().to_ascii_lowercase())
            .find(|coding| !coding.is_empty() && coding != plain)
    };
    let coding =
        codings(CONTENT_ENCODING, "identity").or_else(|| codings(TRANSFER_ENCODING, "chunked"));
    coding.map(|coding| coding.chars().take(32).collect())
}

/// The headers without those of the connection and without secrets. Where a body may become shorter or longer, its length
/// goes, too.
fn clean(headers: &HeaderMap, redactor: &Redactor) -> HeaderMap {
    let mut clean = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let of_connection = *name == CONNECTION || *name == TRANSFER_ENCODING;
        let length = *name == CONTENT_LENGTH && !redactor.is_empty();
        if of_connection || length || redactor.finds(name.as_ref()) {
            continue;
        }
        let value = match redactor.redact_bytes(value.as_bytes()) {
            std::borrow::Cow::Borrowed(_) => value.clone(),
            std::borrow::Cow::Owned(redacted) => {
                HeaderValue::from_bytes(&redacted).unwrap_or(HeaderValue::from_static("[redacted]"))
            }
        };
        clean.append(name.clone(), value);
    }
    clean
}

/// A body that is being read.
struct Reading {
    answer: Answer,
    /// Gone once the body has ended.
    text: Option<RedactedStream>,
    sending: Sending,
}

fn body(answer: Answer, sending: Sending) -> WasiBody {
    let reading = Reading {
        answer,
        text: Some(sending.redactor.stream()),
        sending,
    };
    StreamBody::new(pieces(reading)).boxed_unsync()
}

fn pieces(reading: Reading) -> impl Stream<Item = Result<Frame<Bytes>, Error>> + Send {
    stream::unfold(reading, |mut reading| async move {
        let piece = reading.next().await;
        reading.sending.telling.piece(&piece);
        Some((piece.transpose()?.map(Frame::data), reading))
    })
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(text) = &mut self.text else {
                return Ok(None);
            };
            let piece = match self.answer.chunk().await {
                Ok(Some(bytes)) => match self.sending.meter.response(bytes.len()) {
                    Ok(()) => text.push(bytes),
                    Err(_) => {
                        self.text = None;
                        return Err(Error::HttpResponseBodySize(None));
                    }
                },
                Ok(None) => {
                    let rest = self
                        .text
                        .take()
                        .map(RedactedStream::end)
                        .unwrap_or_default();
                    return Ok((!rest.is_empty()).then_some(rest));
                }
                Err(error) => {
                    self.text = None;
                    return Err(failed("the server", &error, &self.sending));
                }
            };
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn an_encoded_body_is_told_from_a_plain_one() {
        for (name, value, coding) in [
            ("content-encoding", "gzip", Some("gzip")),
            ("content-encoding", "identity, BR", Some("br")),
            ("transfer-encoding", "gzip, chunked", Some("gzip")),
            ("content-encoding", "identity", None),
            ("content-encoding", "", None),
            ("transfer-encoding", "chunked", None),
            ("content-type", "gzip", None),
        ] {
            assert_eq!(
                coded(&headers(&[(name, value)]), &Redactor::default()).as_deref(),
                coding,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_coding_that_repeats_a_secret_is_not_told() {
        const SECRET: &str = "Another-Secret-of-more-than-32-characters";
        let echo = headers(&[("content-encoding", SECRET)]);
        let told = coded(&echo, &Redactor::new([SECRET]));
        assert_eq!(told.as_deref(), Some("[redacted]"));
    }

    #[test]
    fn headers_lose_secrets_and_a_length_that_may_not_hold() {
        let came = headers(&[
            ("content-length", "40"),
            ("location", "https://api.example.com/?key=another-secret"),
            ("connection", "close"),
            ("content-type", "text/plain"),
        ]);
        let seen = clean(&came, &Redactor::new(["another-secret"]));
        assert_eq!(seen["location"], "https://api.example.com/?key=[redacted]");
        assert_eq!(seen["content-type"], "text/plain");
        assert_eq!(seen.len(), 2);
        assert_eq!(clean(&came, &Redactor::default())["content-length"], "40");
    }
}
