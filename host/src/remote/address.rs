//! Where control planes are.

use crate::config::ApiBase;
use std::fmt;
use std::net::IpAddr;

/// The address of one control plane: `http` or `https`, a host, perhaps a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(ApiBase);

/// One address or more, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(Vec<Address>);

/// A text that is no address of a control plane.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("name at least one control plane, for example https://agents.example.com")]
    None,
    /// Not an address at all. Does not repeat it: there may be a password in it.
    #[error(
        "control plane number {0} is not http:// or https:// and a host, without user, query or fragment"
    )]
    NotAnAddress(usize),
    /// The token would cross networks that anybody may read.
    #[error(
        "{0} is not encrypted and not on a private network; use https://, or set worker.allow_plain_http if what is \
         between is yours"
    )]
    Plain(String),
}

impl Addresses {
    /// From addresses separated by commas. Plain `http` is taken for private hosts only, unless `allow_plain_http`.
    ///
    /// # Errors
    /// Says which address is refused, and why.
    pub fn parse(text: &str, allow_plain_http: bool) -> Result<Self, AddressError> {
        let mut addresses = Vec::new();
        let texts = text.split(',').map(str::trim);
        for (number, text) in texts.filter(|text| !text.is_empty()).enumerate() {
            let refused = |_| AddressError::NotAnAddress(number.saturating_add(1));
            let base: ApiBase = text.parse().map_err(refused)?;
            let url = reqwest::Url::parse(base.as_str())
                .map_err(|_| AddressError::NotAnAddress(number.saturating_add(1)))?;
            let plain = url.scheme() == "http";
            if plain && !allow_plain_http && !url.host_str().is_some_and(is_private) {
                return Err(AddressError::Plain(base.as_str().to_owned()));
            }
            addresses.push(Address(base));
        }
        if addresses.is_empty() {
            return Err(AddressError::None);
        }
        Ok(Self(addresses))
    }

    pub(super) fn get(&self, number: usize) -> Option<&Address> {
        self.0.get(number.checked_rem(self.0.len())?)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(out, "{comma}{}", address.0.as_str())?;
        }
        Ok(())
    }
}

impl Address {
    pub(super) fn with(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str())
    }
}

/// Whether a host is on this machine or on a network that is not everybody's: loopback, the private ranges of IPv4 and
/// IPv6, link-local addresses, and names that no public server answers to.
fn is_private(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            let endings = [".localhost", ".internal", ".flycast", ".local"];
            !name.contains('.') || endings.iter().any(|ending| name.ends_with(ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_reaches_private_hosts_only() {
        for accepted in [
            "https://agents.example.com",
            "http://127.0.0.1:8080",
            "http://10.1.2.3",
            "http://[fdaa::3]:8080",
            "http://[::1]:8080",
            "http://localhost:8080/prefix",
            "http://control.internal:8080",
            "http://control:8080",
            "http://a.internal, https://b.example.com",
        ] {
            assert!(Addresses::parse(accepted, false).is_ok(), "{accepted}");
        }
        for refused in [
            "http://agents.example.com",
            "http://8.8.8.8",
            "http://[2600::1]",
            "http://internal.example.com",
            "http://172.32.0.1",
        ] {
            let error = Addresses::parse(refused, false).unwrap_err();
            assert!(matches!(error, AddressError::Plain(_)), "{refused}");
            assert!(Addresses::parse(refused, true).is_ok());
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in ["ftp://x", "https://u:p@x", "https://x?token=1", "x"] {
            let both = format!("https://a.example.com,{text}");
            let error = Addresses::parse(&both, false).unwrap_err();
            assert_eq!(error, AddressError::NotAnAddress(2), "{text}");
        }
        assert_eq!(Addresses::parse(" , ", false), Err(AddressError::None));
    }
}
