//! Whose servers a rule is about.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest name of a host, bytes (of the domain name system).
const HOST_BYTES: usize = 253;

/// One host by its name or address (`api.example.com`, `203.0.113.7`, `[2001:db8::1]`), or all hosts one label below a
/// name (`*.example.com`: `a.example.com`, and neither `example.com` nor `a.b.example.com`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pattern {
    /// As a URL has it: small letters, an address in its usual form.
    Exact(String),
    /// What comes after the first label's dot.
    OneLabelBelow(String),
}

/// A text that is no [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host: write a name such as \"api.example.com\", an IP address, or \"*.example.com\" for any one label \
     before a name of two labels or more; no scheme, no port (there is `port`), no path (there is `path`)"
)]
pub struct HostPatternError(String);

impl HostPattern {
    /// Whether `host`, as a URL has it, is meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match &self.0 {
            Pattern::Exact(exact) => exact == host,
            Pattern::OneLabelBelow(name) => host
                .strip_suffix(name.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
        }
    }

    /// Whether every host of `other` is one of this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match &other.0 {
            Pattern::Exact(host) => self.matches(host),
            Pattern::OneLabelBelow(_) => self == other,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let refused = || HostPatternError(text.to_owned());
        if text.len() > HOST_BYTES {
            return Err(refused());
        }
        if let Some(name) = text.strip_prefix("*.") {
            let name = normal(name).ok_or_else(refused)?;
            let last = name.rsplit('.').next().unwrap_or_default();
            let a_name = last.starts_with(|c: char| c.is_ascii_alphabetic());
            if !a_name || !name.contains('.') {
                return Err(refused());
            }
            return Ok(Self(Pattern::OneLabelBelow(name)));
        }
        normal(text)
            .map(Pattern::Exact)
            .map(Self)
            .ok_or_else(refused)
    }
}

/// A host as a URL has it. None for what is no host, or is more than one.
fn normal(host: &str) -> Option<String> {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let plain = match address {
        Some(address) => matches!(address.parse(), Ok(IpAddr::V6(_))),
        None => host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    let empty_label = host.split('.').any(str::is_empty);
    if !plain || empty_label {
        return None;
    }
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    url.host_str().map(str::to_owned)
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, HostPatternError> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Exact(host) => out.write_str(host),
            Pattern::OneLabelBelow(name) => write!(out, "*.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_is_exactly_one_label() {
        let below = pattern("*.Example.com");
        assert!(below.matches("a.example.com"));
        for other in [
            "example.com",
            "a.b.example.com",
            ".example.com",
            "aexample.com",
            "a.example.com.",
            "a.example.org",
        ] {
            assert!(!below.matches(other), "{other}");
        }
        assert!(!pattern("example.com").matches("a.example.com"));
    }

    #[test]
    fn a_host_is_normalized_as_a_url_is() {
        assert_eq!(pattern("API.example.COM").to_string(), "api.example.com");
        assert_eq!(pattern("0x7f.1").to_string(), "127.0.0.1");
        assert_eq!(pattern("[2001:DB8::0:1]").to_string(), "[2001:db8::1]");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.com",
            "*.1.2",
            "*.*.example.com",
            "a.*.example.com",
            "example.com.",
            ".example.com",
            "a..b",
            "https://example.com",
            "example.com:443",
            "me@example.com",
            "example.com/v1",
            "[::1",
            "::1",
            "ex ample.com",
            "ex%61mple.com",
            "\u{fc}ber.example",
            "1.2.3.4.5",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_accepted_at_its_longest_and_refused_one_beyond() {
        let long = |bytes: usize| {
            let labels = format!("{}.", "a".repeat(60)).repeat(4);
            format!("{labels}{}", "b".repeat(bytes - labels.len()))
        };
        assert!(long(253).parse::<HostPattern>().is_ok());
        assert!(long(254).parse::<HostPattern>().is_err());
    }

    #[test]
    fn a_pattern_covers_itself_and_what_it_matches() {
        assert!(pattern("*.example.com").covers(&pattern("a.example.com")));
        assert!(pattern("*.example.com").covers(&pattern("*.example.com")));
        assert!(!pattern("a.example.com").covers(&pattern("*.example.com")));
        assert!(!pattern("*.example.com").covers(&pattern("example.com")));
    }
}
