//! `[telegram]`: how Telegram is reached.

use super::bounds::{Quantity, whole};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("telegram.send_timeout_ms", 100, 300_000, "milliseconds"),
    whole("telegram.delivery_attempts_max", 1, 1_000, "attempts"),
];

/// How Telegram is reached (`[telegram]`). Bot tokens are the tenants' secrets and no settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telegram {
    /// The Bot API server: Telegram's own, one that you run, or a double.
    pub api_base: ApiBase,
    /// The longest one call takes, milliseconds.
    pub send_timeout_ms: u64,
    /// Attempts until a reply goes to the dead letters. They wait as `[retry]` says, or as long as
    /// Telegram asks for.
    pub delivery_attempts_max: u32,
}

impl Default for Telegram {
    fn default() -> Self {
        Self {
            api_base: ApiBase("https://api.telegram.org".to_owned()),
            send_timeout_ms: 15_000,
            delivery_attempts_max: 500,
        }
    }
}

/// `http` or `https`, a host and perhaps a path: no user, query or fragment, and no `/` at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiBase(String);

/// A text that is no [`ApiBase`]. Does not repeat it: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API base is http:// or https:// and a host, with no user, query or fragment")]
pub struct ApiBaseError;

impl ApiBase {
    /// As it is put before a path that starts with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiBase {
    type Err = ApiBaseError;

    fn from_str(text: &str) -> Result<Self, ApiBaseError> {
        let url = Url::parse(text).map_err(|_| ApiBaseError)?;
        let accepted = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if accepted {
            Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
        } else {
            Err(ApiBaseError)
        }
    }
}

impl TryFrom<String> for ApiBase {
    type Error = ApiBaseError;

    fn try_from(text: String) -> Result<Self, ApiBaseError> {
        text.parse()
    }
}

impl From<ApiBase> for String {
    fn from(base: ApiBase) -> Self {
        base.0
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
