//! What a request does.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest method, bytes.
const BYTES: usize = 32;

/// An HTTP method in capital letters. `CONNECT` and `TRACE` are none here: one makes a tunnel past every rule, the other
/// echoes what the host has added.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpMethod(String);

/// A text that is no [`HttpMethod`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no method for a rule: write capital letters such as \"GET\" or \"POST\", at most {BYTES}; CONNECT and \
     TRACE are never allowed"
)]
pub struct HttpMethodError(String);

impl HttpMethod {
    /// The method.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpMethod {
    type Err = HttpMethodError;

    fn from_str(text: &str) -> Result<Self, HttpMethodError> {
        let plain = |c: char| c.is_ascii_uppercase() || c == '-';
        let fits = (1..=BYTES).contains(&text.len()) && text.chars().all(plain);
        if !fits || matches!(text, "CONNECT" | "TRACE") {
            return Err(HttpMethodError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for HttpMethod {
    type Error = HttpMethodError;

    fn try_from(text: String) -> Result<Self, HttpMethodError> {
        text.parse()
    }
}

impl From<HttpMethod> for String {
    fn from(method: HttpMethod) -> Self {
        method.0
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_capital_letters_up_to_its_bound_and_no_tunnel() {
        assert!("GET".parse::<HttpMethod>().is_ok());
        assert!("A".repeat(32).parse::<HttpMethod>().is_ok());
        assert!("A".repeat(33).parse::<HttpMethod>().is_err());
        for text in ["", "get", "CONNECT", "TRACE", "*", "GET ", "G\tT"] {
            assert!(text.parse::<HttpMethod>().is_err(), "{text}");
        }
    }
}
