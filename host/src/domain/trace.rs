use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Ties together all that happens to one message, from the request that brought it to its delivery: a W3C trace id, 32
/// lower-case hexadecimal digits that are not all 0. A word for logs: it opens nothing and is no secret.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct TraceId(String);

/// A text that is no trace id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trace id must be 32 of 0-9 and a-f, and not all 0")]
pub struct TraceIdError;

const DIGITS: usize = 32;

impl TraceId {
    /// From random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        if bytes == [0; 16] {
            bytes = [1; 16];
        }
        Self(hex::encode(bytes))
    }

    /// The trace id of a `traceparent` header: `version-trace-parent-flags`. A later version may have more parts, and
    /// version `ff` there is none. Whatever is not one is nobody's trace: the request gets one of its own.
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let known = is_hex(version, 2) && version != "ff";
        let whole = version != "00" || parts.next().is_none();
        let parent = is_hex(parent, 16) && parent.bytes().any(|digit| digit != b'0');
        (known && whole && parent && is_hex(flags, 2))
            .then(|| trace.parse().ok())
            .flatten()
    }

    /// As a `traceparent` header, under a parent that is named after the trace itself: spans here have no ids of their
    /// own.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let parent = self
            .0
            .get(..16)
            .filter(|half| half.bytes().any(|d| d != b'0'));
        format!("00-{}-{}-01", self.0, parent.unwrap_or("0000000000000001"))
    }

    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for TraceId {
    type Err = TraceIdError;

    fn from_str(text: &str) -> Result<Self, TraceIdError> {
        let fits = is_hex(text, DIGITS) && text.bytes().any(|digit| digit != b'0');
        fits.then(|| Self(text.to_owned())).ok_or(TraceIdError)
    }
}

impl TryFrom<String> for TraceId {
    type Error = TraceIdError;

    fn try_from(text: String) -> Result<Self, TraceIdError> {
        text.parse()
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_traceparent_gives_its_trace_id_and_makes_one_again() {
        let header = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let id = TraceId::from_traceparent(&header).unwrap();
        assert_eq!(id.as_str(), TRACE);
        assert_eq!(TraceId::from_traceparent(&id.traceparent()), Some(id));
        // Of a later version, with more behind it.
        assert!(TraceId::from_traceparent(&format!("01-{TRACE}-00f067aa0ba902b7-01-x")).is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_no_trace() {
        let zeros = "0".repeat(32);
        for header in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-x"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}0-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "é".repeat(16)),
        ] {
            assert_eq!(TraceId::from_traceparent(&header), None, "{header}");
        }
    }
}
