//! Requests to the network. Asked for in `config/capabilities.toml`, with the credential that the host is to add:
//!
//! ```toml
//! [[http.allow]]
//! host = "api.example.com"
//! methods = ["GET"]
//! path = "/v1/"
//! credential = "example"
//!
//! [credentials.example]
//! secret = "example.token"   # a secret of the tenant
//! host = "api.example.com"
//! as = "header"
//! name = "Authorization"
//! prefix = "Bearer "
//! ```
//!
//! ```
//! use agent_factory_sdk::http;
//! use agent_factory_sdk::testing::{FakeResponse, Host};
//! use serde_json::{Value, json};
//!
//! let host = Host::new();
//! host.add_response(FakeResponse::json(200, &json!({ "celsius": 21 })));
//!
//! let weather = http::get("https://api.example.com/v1/weather")
//!     .query("city", "São Paulo")
//!     .send()?
//!     .success()?
//!     .json::<Value>()?;
//! assert_eq!(weather["celsius"], 21);
//! assert_eq!(host.requests()[0].url, "https://api.example.com/v1/weather?city=S%C3%A3o%20Paulo");
//! # Ok::<(), http::Error>(())
//! ```
//!
//! The host asks for answers without compression, follows no redirect, and bounds the number of requests and their bytes.
//! No skill sees a credential: the host adds it behind the skill's back, and takes its value out of what comes back.

mod request;
#[cfg(target_arch = "wasm32")]
pub(crate) mod wasi;

pub use request::Request;

use crate::types::ToolError;
use serde::de::DeserializeOwned;
use std::fmt;

/// Asks for what is there.
pub fn get(url: &str) -> Request {
    Request::new("GET", url)
}

/// Sends something new.
pub fn post(url: &str) -> Request {
    Request::new("POST", url)
}

/// Puts something in its place.
pub fn put(url: &str) -> Request {
    Request::new("PUT", url)
}

/// Changes a part.
pub fn patch(url: &str) -> Request {
    Request::new("PATCH", url)
}

/// Removes.
pub fn delete(url: &str) -> Request {
    Request::new("DELETE", url)
}

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// In capital letters.
    pub method: String,
    /// `https://host[:port]/path[?query]`.
    pub url: String,
    /// In the order they were given.
    pub headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub body: Vec<u8>,
    /// How long to wait for the head of the answer, milliseconds; the host may wait less.
    pub timeout_milliseconds: Option<u32>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No rule of `config/capabilities.toml` allows it, or one forbids it; the receipt names the lines.
    Denied,
    /// A credential's secret is missing; says how to import it.
    NotConfigured(String),
    /// The request is none; says why.
    Invalid(String),
    /// No answer came; says why.
    Unreachable(String),
    /// An answer came and broke off, or is not what was asked for; says how.
    Unusable(String),
    /// The server said no, by this status, in these words.
    Status(u16, String),
}

impl Response {
    /// The status, for example 200.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header, where it is text. Its name in any letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        let (_, value) = found.find(|(one, _)| one.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::Unusable`] where it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::Unusable(format!("the answer is not the expected JSON: {error}"))
        })
    }

    /// The same where the status is one of success (200 to 299).
    ///
    /// # Errors
    /// [`Error::Status`] with the beginning of the body where it is not.
    pub fn success(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let words: String = self.text().chars().take(500).collect();
        Err(Error::Status(self.status, words))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => out.write_str(
                "this skill may not make the request: the receipt names the lines that \
                 config/capabilities.toml must have, and they must be granted",
            ),
            Self::NotConfigured(why)
            | Self::Invalid(why)
            | Self::Unreachable(why)
            | Self::Unusable(why) => out.write_str(why),
            Self::Status(status, words) => write!(out, "the server answered {status}: {words}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Denied | Error::NotConfigured(_) => Self::NotConfigured(text),
            Error::Status(401 | 403, _) => Self::NotConfigured(text),
            Error::Status(400..=499, _) => Self::Refused(text),
            Error::Invalid(_) | Error::Unreachable(_) | Error::Unusable(_) | Error::Status(..) => {
                Self::Failed(text)
            }
        }
    }
}
