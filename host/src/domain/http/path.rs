//! Which paths of a server a rule is about, however a server may read one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest prefix, bytes.
const BYTES: usize = 512;
/// How often a path is decoded before it is given up: nobody honest encodes an encoding of an encoding.
const ROUNDS: usize = 3;

/// The beginning of a path, ending where a segment ends: `/v1` and `/v1/` are the same and mean `/v1`, `/v1/` and
/// `/v1/x`, and not `/v10`. `/` means every path. Letters matter in an allowance, and do not in a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

/// A text that is no [`PathPrefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no path for a rule: write it plainly, such as \"/v1/items\": it begins with `/`, has at most {BYTES} \
     letters, digits and -._~!$&'()*+,=:@, and no `//`, `.`, `..`, `%`, `;`, `?` or `#`"
)]
pub struct PathPrefixError(String);

impl PathPrefix {
    /// Whether this path of a URL is meant, however its server reads it.
    #[must_use]
    pub(super) fn allows(&self, readings: &Readings) -> bool {
        readings
            .0
            .iter()
            .all(|path| self.begins(path, |a, b| a == b))
    }

    /// Whether this path of a URL is meant in one of the ways its server may read it.
    #[must_use]
    pub(super) fn touches(&self, readings: &Readings) -> bool {
        readings
            .0
            .iter()
            .any(|path| self.begins(path, <[u8]>::eq_ignore_ascii_case))
    }

    /// Whether every path of `other` is one of this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let mut others = other.segments();
        self.segments().all(|own| others.next() == Some(own))
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    fn begins(&self, path: &[Vec<u8>], same: fn(&[u8], &[u8]) -> bool) -> bool {
        let mut segments = path.iter();
        self.segments()
            .all(|own| segments.next().is_some_and(|one| same(own.as_bytes(), one)))
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,=:@".contains(c);
        let path = text.strip_suffix('/').unwrap_or(text);
        let dots = |segment: &str| matches!(segment, "" | "." | "..");
        let inner = path.strip_prefix('/');
        let accepted = text.starts_with('/')
            && text.len() <= BYTES
            && text.chars().all(plain)
            && inner.is_none_or(|inner| !inner.split('/').any(dots));
        if accepted {
            return Ok(Self(path.to_owned()));
        }
        Err(PathPrefixError(text.to_owned()))
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = PathPrefixError;

    fn try_from(text: String) -> Result<Self, PathPrefixError> {
        text.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(prefix: PathPrefix) -> Self {
        prefix.to_string()
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// The segments of a path in every way a server may read it: decoded or not, once or more; with path parameters
/// (`;x`) or without; with empty segments dropped before dots are followed, or not.
#[derive(Clone, Debug)]
pub(super) struct Readings(Vec<Vec<Vec<u8>>>);

impl Readings {
    /// Of the path of a parsed URL. None for a path that hides a control character or an overlong encoding, or is
    /// encoded again and again.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut readings = Vec::new();
        let mut bytes = path.as_bytes().to_vec();
        for _ in 0..=ROUNDS {
            // 0xc0 and 0xc1 begin no character; old decoders made `/` and `.` of them.
            let hidden = |byte: &u8| byte.is_ascii_control() || matches!(byte, 0xc0 | 0xc1);
            if bytes.iter().any(hidden) {
                return None;
            }
            for parameters in [true, false] {
                for empty in [true, false] {
                    let reading = read(&bytes, parameters, empty);
                    if !readings.contains(&reading) {
                        readings.push(reading);
                    }
                }
            }
            let decoded = decode(&bytes);
            if decoded == bytes {
                return Some(Self(readings));
            }
            bytes = decoded;
        }
        None
    }
}

/// The segments of a path: `parameters` and `empty` say what is kept.
fn read(path: &[u8], parameters: bool, empty: bool) -> Vec<Vec<u8>> {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    // What is before the first slash is nothing.
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')).skip(1) {
        let end = segment.iter().position(|byte| *byte == b';');
        let segment = match end {
            Some(end) if !parameters => segment.get(..end).unwrap_or(segment),
            _ => segment,
        };
        match segment {
            b"." => {}
            b".." => {
                segments.pop();
            }
            b"" if !empty => {}
            _ => segments.push(segment.to_vec()),
        }
    }
    segments
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let pair = (*first == b'%').then(|| (digit(after.first()), digit(after.get(1))));
        match pair {
            Some((Some(high), Some(low))) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(prefix: &str, path: &str) -> bool {
        let prefix: PathPrefix = prefix.parse().unwrap();
        Readings::of(path).is_some_and(|readings| prefix.allows(&readings))
    }

    fn touches(prefix: &str, path: &str) -> bool {
        let prefix: PathPrefix = prefix.parse().unwrap();
        Readings::of(path).is_none_or(|readings| prefix.touches(&readings))
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        for prefix in ["/v1", "/v1/"] {
            assert!(allows(prefix, "/v1"));
            assert!(allows(prefix, "/v1/"));
            assert!(allows(prefix, "/v1/items/7"));
            assert!(!allows(prefix, "/v10"));
            assert!(!allows(prefix, "/V1"));
            assert!(!allows(prefix, "/"));
        }
        assert!(allows("/", "/"));
        assert!(allows("/", "/a/b"));
        assert_eq!("/v1/".parse::<PathPrefix>().unwrap().to_string(), "/v1");
        assert_eq!("/".parse::<PathPrefix>().unwrap().to_string(), "/");
    }

    #[test]
    fn a_path_that_leads_out_in_one_reading_is_outside() {
        for path in [
            "/v1/%2e%2e/admin",
            "/v1/%2E%2E%2Fadmin",
            "/v1/..%2fadmin",
            "/v1/%252e%252e/admin",
            "/v1/..;/admin",
            "/v1/..;x=1/admin",
            "/v1/..%5cadmin",
            "/v1/x/%2e%2e/%2e%2e/admin",
            "/v1//../../admin",
            "//v1/x",
            "/v1/%00",
            "/v1/%0d%0aHost:x",
            "/v1/%c0%af..",
            "/v1/%25252525252e",
        ] {
            assert!(!allows("/v1", path), "{path}");
        }
        assert!(allows("/v1", "/v1/group%2Fproject"));
        assert!(allows("/v1", "/v1//x"));
        assert!(allows("/v1", "/v1/a;b=1"));
        assert!(allows("/v1", "/v1/100%"));
    }

    #[test]
    fn a_refused_path_is_refused_in_every_reading() {
        for path in [
            "/admin",
            "/ADMIN/x",
            "/%61dmin",
            "/x/..%2fadmin",
            "//admin",
            "/admin;x",
            "/x;y/%2e%2e/admin",
            "/x/%2e%2e%5cadmin",
            "/%2561dmin",
        ] {
            assert!(touches("/admin", path), "{path}");
        }
        assert!(!touches("/admin", "/administrators"));
        assert!(!touches("/admin", "/x/admin"));
    }

    #[test]
    fn a_prefix_is_written_plainly_and_within_its_bound() {
        let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1)).parse::<PathPrefix>();
        assert!(long(512).is_ok());
        assert!(long(513).is_err());
        for text in [
            "", "v1", "//", "/a//b", "/./a", "/a/..", "/a%2fb", "/a?b", "/a#b", "/a;b", "/a b",
            "/\\a", "/\u{e9}",
        ] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it() {
        let covers = |a: &str, b: &str| {
            let (a, b): (PathPrefix, PathPrefix) = (a.parse().unwrap(), b.parse().unwrap());
            a.covers(&b)
        };
        assert!(covers("/", "/v1"));
        assert!(covers("/v1", "/v1/x"));
        assert!(!covers("/v1", "/v10"));
        assert!(!covers("/v1/x", "/v1"));
    }
}
