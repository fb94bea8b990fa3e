//! Where a request goes, as it will be sent.

use super::path::Readings;
use reqwest::Url;

/// The longest path with its query, bytes.
const PATH_BYTES: usize = 8 << 10;
/// The longest host with its port, bytes.
const AUTHORITY_BYTES: usize = 260;

/// Where a request goes: `http` or `https`, one host, a port, a path and perhaps a query. Dots in the path are followed,
/// the host is in small letters or an address in its usual form, and there is no user. Made once, checked, and sent as it
/// is.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    readings: Readings,
}

/// Why a request can go nowhere; says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Another scheme.
    #[error("the scheme of a request is https (http only for addresses that the operator listed)")]
    Scheme,
    /// No host, or more than one.
    #[error(
        "the authority of a request is a host name in ASCII or an IP address, perhaps with a port, without a user and \
         without a dot at its end"
    )]
    Authority,
    /// No path.
    #[error(
        "the path of a request begins with `/`, has at most {PATH_BYTES} visible ASCII characters with its query, and \
         neither `\\`, nor `#`, nor an encoded control character, nor an encoding of an encoding"
    )]
    Path,
}

impl Target {
    /// From the parts of a request.
    ///
    /// # Errors
    /// Which part is wrong.
    pub fn new(scheme: &str, authority: &str, path_with_query: &str) -> Result<Self, TargetError> {
        if !matches!(scheme, "http" | "https") {
            return Err(TargetError::Scheme);
        }
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        let fits = (1..=AUTHORITY_BYTES).contains(&authority.len());
        // A dot at the end is another name for most, and none in an address: for nobody here.
        let dot = authority
            .split(':')
            .next()
            .is_some_and(|host| host.ends_with('.'));
        if !fits || dot || !authority.chars().all(plain) {
            return Err(TargetError::Authority);
        }
        let slash = match path_with_query.chars().next() {
            None | Some('?') => "/",
            Some('/') => "",
            Some(_) => return Err(TargetError::Path),
        };
        let visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
        if path_with_query.len() > PATH_BYTES || !path_with_query.bytes().all(visible) {
            return Err(TargetError::Path);
        }
        let url = Url::parse(&format!("{scheme}://{authority}{slash}{path_with_query}"))
            .map_err(|_| TargetError::Authority)?;
        let host = url.host_str().unwrap_or_default();
        let single = !host.is_empty() && !host.split('.').any(str::is_empty);
        if !single
            || !url.username().is_empty()
            || url.password().is_some()
            || url.port() == Some(0)
        {
            return Err(TargetError::Authority);
        }
        let readings = Readings::of(url.path()).ok_or(TargetError::Path)?;
        Ok(Self { url, readings })
    }

    /// The host: a name in small letters, or an address (IPv6 in brackets).
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, also where it is the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The path as it is sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// All of it.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// All of it, to be sent.
    #[must_use]
    pub fn into_url(self) -> Url {
        self.url
    }

    pub(super) const fn readings(&self) -> &Readings {
        &self.readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(authority: &str, path: &str) -> String {
        let target = Target::new("https", authority, path).unwrap();
        target.into_url().to_string()
    }

    fn error(authority: &str, path: &str) -> TargetError {
        Target::new("https", authority, path).unwrap_err()
    }

    #[test]
    fn a_target_is_normalized_before_anybody_looks_at_it() {
        assert_eq!(
            url("API.Example.com", "/a/../b"),
            "https://api.example.com/b"
        );
        assert_eq!(
            url("api.example.com:443", "/%2e%2E/b"),
            "https://api.example.com/b"
        );
        assert_eq!(
            url("api.example.com:8443", ""),
            "https://api.example.com:8443/"
        );
        assert_eq!(
            url("api.example.com", "?q=1"),
            "https://api.example.com/?q=1"
        );
        assert_eq!(url("2130706433", "/"), "https://127.0.0.1/");
        assert_eq!(url("0x7f.1", "/"), "https://127.0.0.1/");
        assert_eq!(url("[::FFFF:127.0.0.1]", "/"), "https://[::ffff:7f00:1]/");
        assert_eq!(
            url("api.example.com", "//evil.example/x"),
            "https://api.example.com//evil.example/x"
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for authority in [
            "",
            "me@host",
            "me:pw@host",
            "host.",
            "host..",
            "127.0.0.1.",
            "127.0.0.1.:80",
            ".host",
            "host:0",
            "host:65536",
            "host:x",
            "ho st",
            "host/x",
            "host?x",
            "host#x",
            "host\\x",
            "h%6fst",
            "h\u{f6}st",
            "[::1",
            "a.example.com:443:443",
            "1.2.3.4.5",
            "[fe80::1%25eth0]",
        ] {
            assert_eq!(error(authority, "/"), TargetError::Authority, "{authority}");
        }
        for path in [
            "*",
            "http://evil.example/",
            "x",
            "/a b",
            "/a\tb",
            "/a\nb",
            "/a\\b",
            "/a#b",
            "/\u{e9}",
            "/%00",
            "/%0a",
            "/%2525252541",
        ] {
            assert_eq!(error("host", path), TargetError::Path, "{path}");
        }
        assert_eq!(
            Target::new("ftp", "host", "/").unwrap_err(),
            TargetError::Scheme
        );
        assert_eq!(
            Target::new("HTTPS", "host", "/").unwrap_err(),
            TargetError::Scheme
        );
    }

    #[test]
    fn a_path_is_accepted_at_its_longest_and_refused_one_beyond() {
        let long =
            |bytes: usize| Target::new("https", "host", &format!("/{}", "a".repeat(bytes - 1)));
        assert!(long(8_192).is_ok());
        assert_eq!(long(8_193).unwrap_err(), TargetError::Path);
    }
}
