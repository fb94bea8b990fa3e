//! A request, put together step by step.

use super::{Error, Response, Sent};
use crate::host;
use serde::Serialize;

/// A request that is not sent yet. What is wrong with a step is said by [`Request::send`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    sent: Sent,
    wrong: Option<String>,
}

impl Request {
    /// A request by this method, in capital letters, to this URL.
    pub fn new(method: &str, url: &str) -> Self {
        let mut request = Self {
            sent: Sent {
                method: method.to_owned(),
                url: url.to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_milliseconds: None,
            },
            wrong: None,
        };
        if parts(url).is_none() {
            request.note(format!(
                "{url:?} is no URL of https with a host, in ASCII and without a fragment"
            ));
        }
        request
    }

    /// One more header. A header that a credential fills is the host's to set.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.sent.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more parameter of the query, encoded as it needs.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let first = if self.sent.url.contains('?') {
            '&'
        } else {
            '?'
        };
        self.sent.url.push(first);
        self.sent.url.push_str(&encoded(name));
        self.sent.url.push('=');
        self.sent.url.push_str(&encoded(value));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.sent.body = body.into();
        self
    }

    /// With this value as JSON, and the header that says so.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.sent.body = body,
            Err(error) => self.note(format!("the body cannot be written as JSON: {error}")),
        }
        self.header("content-type", "application/json")
    }

    /// Waits no longer than this for the head of the answer, milliseconds. The host may wait less.
    pub fn timeout_milliseconds(mut self, milliseconds: u32) -> Self {
        self.sent.timeout_milliseconds = Some(milliseconds);
        self
    }

    /// Sends it, and waits for all of the answer, whatever its status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        match self.wrong {
            Some(why) => Err(Error::Invalid(why)),
            None => host::http::send(self.sent),
        }
    }

    /// The first mistake is the one to tell.
    fn note(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }
}

/// Scheme, authority and path of a URL.
pub(crate) fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let plain = url
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let known = matches!(scheme, "https" | "http");
    (known && plain && !authority.is_empty()).then_some((scheme, authority, path))
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
