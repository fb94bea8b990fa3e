//! What the host adds to a request that no guest may see.

use super::{HostPattern, PathPrefix, Target};
use crate::domain::SecretRef;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest text of a credential's way: a header's name, a prefix, a parameter, a user; bytes.
const TEXT_BYTES: usize = 128;

/// The name of a credential within one skill: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialName(String);

/// A credential that cannot be declared; says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// No name.
    #[error("a credential's name is 1 to 64 characters of a-z, 0-9, - and _, not {0:?}")]
    Name(String),
    /// Not a header that a credential can be in.
    #[error(
        "{0:?} is no header for a credential: write its name, such as \"Authorization\" or \"X-Api-Key\"; those that \
         belong to the connection or to the body cannot be one"
    )]
    Header(String),
    /// A text that does not fit.
    #[error("{what} has 1 to {TEXT_BYTES} visible ASCII characters{but}")]
    Text {
        /// Which.
        what: &'static str,
        /// What else holds.
        but: &'static str,
    },
}

impl CredentialName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CredentialName {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if (1..=64).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(CredentialError::Name(text.to_owned()))
    }
}

impl TryFrom<String> for CredentialName {
    type Error = CredentialError;

    fn try_from(text: String) -> Result<Self, CredentialError> {
        text.parse()
    }
}

impl From<CredentialName> for String {
    fn from(name: CredentialName) -> Self {
        name.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How a secret's value is put into a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "as")]
pub enum CredentialWay {
    /// In a header: the prefix and the value.
    Header {
        /// The header, in small letters.
        name: String,
        /// What comes before the value, for example `Bearer `.
        #[serde(default)]
        prefix: String,
    },
    /// As a parameter of the query.
    Query {
        /// The parameter.
        name: String,
    },
    /// As `Authorization: Basic`.
    Basic {
        /// The user; none where the secret holds `user:password`.
        #[serde(default)]
        user: Option<String>,
    },
}

impl CredentialWay {
    /// In this header, behind this prefix.
    ///
    /// # Errors
    /// A header that cannot hold one, or a prefix that no header can have.
    pub fn header(name: &str, prefix: &str) -> Result<Self, CredentialError> {
        let header: HeaderName = name
            .parse()
            .map_err(|_| CredentialError::Header(name.to_owned()))?;
        if name.len() > TEXT_BYTES || !can_hold(&header) {
            return Err(CredentialError::Header(name.to_owned()));
        }
        let shown = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if prefix.len() > TEXT_BYTES || !prefix.bytes().all(shown) || prefix.starts_with(' ') {
            return Err(CredentialError::Text {
                what: "the prefix of a header",
                but: ", or is left out; it may end with a space",
            });
        }
        Ok(Self::Header {
            name: header.as_str().to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// As this parameter of the query.
    ///
    /// # Errors
    /// A name that no parameter can have.
    pub fn query(name: &str) -> Result<Self, CredentialError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=TEXT_BYTES).contains(&name.len()) || !name.chars().all(plain) {
            return Err(CredentialError::Text {
                what: "the name of a query parameter",
                but: " of A-Z, a-z, 0-9, -, _ and .",
            });
        }
        Ok(Self::Query {
            name: name.to_owned(),
        })
    }

    /// As basic authentication of this user.
    ///
    /// # Errors
    /// A user that no such header can hold.
    pub fn basic(user: Option<&str>) -> Result<Self, CredentialError> {
        let plain = |user: &str| {
            (1..=TEXT_BYTES).contains(&user.len())
                && user
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b':')
        };
        if user.is_some_and(|user| !plain(user)) {
            return Err(CredentialError::Text {
                what: "the user of basic authentication",
                but: " other than `:`",
            });
        }
        Ok(Self::Basic {
            user: user.map(str::to_owned),
        })
    }

    /// The header it fills, in small letters.
    #[must_use]
    pub fn fills(&self) -> Option<&str> {
        match self {
            Self::Header { name, .. } => Some(name),
            Self::Basic { .. } => Some("authorization"),
            Self::Query { .. } => None,
        }
    }

    /// The same, checked again: what is stored is no more trusted than what is uploaded.
    pub(super) fn checked(&self) -> Result<Self, CredentialError> {
        match self {
            Self::Header { name, prefix } => Self::header(name, prefix),
            Self::Query { name } => Self::query(name),
            Self::Basic { user } => Self::basic(user.as_deref()),
        }
    }
}

/// Not those that frame a message, belong to the connection, or would change what is sent otherwise.
fn can_hold(header: &HeaderName) -> bool {
    let name = header.as_str();
    !matches!(
        name,
        "host"
            | "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "content-length"
            | "content-type"
            | "content-encoding"
            | "accept-encoding"
            | "http2-settings"
            | "range"
    ) && !name.starts_with("proxy-")
}

/// A secret that the host adds to requests of one host, below one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCredential {
    /// The name of the tenant's secret.
    pub secret: SecretRef,
    /// The only host it goes to.
    pub host: HostPattern,
    /// The only paths it goes to.
    #[serde(default)]
    pub path: PathPrefix,
    /// Where in the request it goes.
    pub way: CredentialWay,
}

impl HttpCredential {
    /// Whether it may go to `target`.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        self.host.matches(target.host()) && self.path.allows(target.readings())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_for_a_credential_is_not_one_that_frames_the_message() {
        assert!(CredentialWay::header("Authorization", "Bearer ").is_ok());
        assert!(CredentialWay::header("X-Api-Key", "").is_ok());
        for name in [
            "",
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Proxy-Authorization",
            "X Y",
            "X:",
            "X\r\nY",
            "Accept-Encoding",
            "Upgrade",
        ] {
            assert!(CredentialWay::header(name, "").is_err(), "{name}");
        }
        for prefix in ["Bearer\r\n", "\u{e9}", " x"] {
            assert!(
                CredentialWay::header("Authorization", prefix).is_err(),
                "{prefix}"
            );
        }
    }

    #[test]
    fn texts_are_accepted_at_their_longest_and_refused_one_beyond() {
        let long = |bytes: usize| "a".repeat(bytes);
        assert!(CredentialWay::header(&long(128), "").is_ok());
        assert!(CredentialWay::header(&long(129), "").is_err());
        assert!(CredentialWay::header("x", &long(128)).is_ok());
        assert!(CredentialWay::header("x", &long(129)).is_err());
        assert!(CredentialWay::query(&long(128)).is_ok());
        assert!(CredentialWay::query(&long(129)).is_err());
        assert!(CredentialWay::basic(Some(&long(128))).is_ok());
        assert!(CredentialWay::basic(Some(&long(129))).is_err());
        assert!(long(64).parse::<CredentialName>().is_ok());
        assert!(long(65).parse::<CredentialName>().is_err());
    }

    #[test]
    fn a_user_has_no_colon_and_a_parameter_is_plain() {
        assert!(CredentialWay::basic(Some("a:b")).is_err());
        assert!(CredentialWay::basic(Some("")).is_err());
        assert!(CredentialWay::basic(None).is_ok());
        for name in ["", "a b", "a=b", "a&b", "%61"] {
            assert!(CredentialWay::query(name).is_err(), "{name}");
        }
    }
}
