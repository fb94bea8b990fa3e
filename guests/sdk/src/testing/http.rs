//! Servers that answer as a test wrote down.

use super::Capability;
use super::state;
use crate::http::{Error, Response, Sent};
use serde_json::Value;

/// The answer to one request.
#[derive(Clone, Debug)]
pub struct FakeResponse(Result<Response, Error>);

impl FakeResponse {
    /// An answer of this status with these bytes.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Ok(Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        }))
    }

    /// An answer of this status with this JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).with_header("content-type", "application/json")
    }

    /// No answer.
    #[must_use]
    pub fn failure(error: Error) -> Self {
        Self(Err(error))
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Ok(response) = &mut self.0 {
            let header = (name.to_ascii_lowercase(), value.as_bytes().to_vec());
            response.headers.push(header);
        }
        self
    }
}

pub(crate) fn send(sent: Sent) -> Result<Response, Error> {
    state::with(|state| {
        if state.denied.contains(&Capability::Http) {
            return Err(Error::Denied);
        }
        let none = format!("the test has no answer to {} {}", sent.method, sent.url);
        state.requests.push(sent);
        match state.responses.pop_front() {
            Some(FakeResponse(response)) => response,
            None => Err(Error::Unreachable(none)),
        }
    })
}
