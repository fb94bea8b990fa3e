//! `[egress]`: where guests' requests may go, and how long they may take.

use super::bounds::{Quantity, whole};
use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

pub(super) const QUANTITIES: &[Quantity] = &[
    whole("egress.connect_ms", 10, 120_000, "milliseconds"),
    whole("egress.first_byte_ms", 10, 3_600_000, "milliseconds"),
    whole("egress.idle_ms", 10, 3_600_000, "milliseconds"),
];

/// The most entries of [`Egress::allow_private`].
const ENTRIES_MAX: usize = 256;

/// Where guests' requests may go, and how long they may take (`[egress]`). Nothing of a tenant's can
/// change it: it lives in the configuration of the process and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Addresses that may be reached although they are private, and without TLS. In a variable,
    /// separated by commas.
    pub allow_private: AllowPrivate,
    /// Resolving a name, connecting and the TLS handshake together, milliseconds.
    pub connect_ms: u64,
    /// From the start of a request to the head of its answer, milliseconds.
    pub first_byte_ms: u64,
    /// Between two pieces of an answer, milliseconds.
    pub idle_ms: u64,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            allow_private: AllowPrivate::default(),
            connect_ms: 5_000,
            first_byte_ms: 90_000,
            idle_ms: 60_000,
        }
    }
}

/// One address of the operator's list: a host name or an IP address, and a port. Compared with what a
/// request's URL says, letter by letter after the usual normalization; there are no wildcards, and no
/// other name that leads to the same address is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct HostPort {
    host: String,
    port: u16,
}

/// A text that is no [`HostPort`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address: write host:port or ip:port, without wildcards, for example 127.0.0.1:11434"
)]
pub struct HostPortError(String);

impl HostPort {
    /// Where a request to this URL goes; none for a URL without a host or a known port.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self {
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let refused = || HostPortError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        // The port is written out, also where a scheme would know it.
        let port: u16 = port.parse().map_err(|_| refused())?;
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if port == 0 || host.is_empty() || !host.chars().all(plain) {
            return Err(refused());
        }
        // The same normalization as a request's URL: letters' case, ways to write an IP address.
        let url = Url::parse(&format!("http://{host}:{port}/")).map_err(|_| refused())?;
        Self::of(&url).ok_or_else(refused)
    }
}

impl From<HostPort> for String {
    fn from(address: HostPort) -> Self {
        address.to_string()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// The operator's exact list of private addresses, at most 256.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AllowPrivate(Vec<HostPort>);

impl AllowPrivate {
    /// Whether this URL's host and port are in the list.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        HostPort::of(url).is_some_and(|wanted| self.0.contains(&wanted))
    }

    /// Add an address; for the program of somebody who is the operator of this machine.
    pub fn push(&mut self, address: HostPort) {
        if !self.0.contains(&address) {
            self.0.push(address);
        }
    }

    fn from_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let entries = texts.map(|text| text.trim().parse::<HostPort>());
        let entries: Result<Vec<_>, _> = entries.collect();
        let entries = entries.map_err(|error| error.to_string())?;
        if entries.len() > ENTRIES_MAX {
            return Err(format!("at most {ENTRIES_MAX} addresses can be listed"));
        }
        Ok(Self(entries))
    }
}

/// From a list, or, as a variable has it, from one text with commas.
impl<'de> Deserialize<'de> for AllowPrivate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            List(Vec<String>),
            Text(String),
        }
        let parsed = match Written::deserialize(from)? {
            Written::List(texts) => Self::from_texts(texts.iter().map(String::as_str)),
            Written::Text(text) if text.trim().is_empty() => Ok(Self::default()),
            Written::Text(text) => Self::from_texts(text.split(',')),
        };
        parsed.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> AllowPrivate {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn an_entry_opens_its_host_and_port_and_nothing_beside_it() {
        let list = list("127.0.0.1:11434, models.internal:443,[::1]:80");
        for (url, allowed) in [
            ("http://127.0.0.1:11434/v1", true),
            ("http://127.1:11434/v1", true),
            ("http://127.0.0.1:11435/v1", false),
            ("http://localhost:11434/v1", false),
            ("https://models.internal/v1", true),
            ("https://MODELS.internal:443/v1", true),
            ("http://models.internal/v1", false),
            ("https://a.models.internal/v1", false),
            ("http://[::1]/v1", true),
            ("http://[::ffff:127.0.0.1]:11434/", false),
        ] {
            assert_eq!(list.allows(&Url::parse(url).unwrap()), allowed, "{url}");
        }
    }

    #[test]
    fn wildcards_ranges_and_addresses_without_a_port_are_refused() {
        for text in [
            "127.0.0.1",
            "10.0.0.0/8:80",
            "*.internal:80",
            "*:80",
            "host:0",
            "host:65536",
            ":80",
            "http://host:80",
            "user@host:80",
            "host:",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_accepted_at_its_longest_and_refused_one_beyond() {
        let entries = |count: usize| {
            let entries: Vec<_> = (1..=count).map(|port| format!("h:{port}")).collect();
            serde_json::from_value::<AllowPrivate>(entries.into())
        };
        assert!(entries(ENTRIES_MAX).is_ok());
        assert!(entries(ENTRIES_MAX + 1).is_err());
    }
}
