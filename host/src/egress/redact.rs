//! Taking secrets out of what comes back.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
/// A shorter value is not looked for: it is found in any text, and guessed by anybody.
const BYTES_MIN: usize = 8;

/// Replaces secret values in texts, and the forms they take on the way: in base64 (at any place of a longer
/// text, standard or URL-safe, and URL-encoded after it), URL-encoded as any of the usual functions does it, as hex, and
/// escaped as JSON and HTML do. A value is found in one text; one that was cut in two between texts is not, unless they
/// are pieces of one stream ([`RedactedStream`]). What is compressed or encrypted hides a value: whoever reads a body takes
/// care that it is neither.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Option<AhoCorasick>);

/// A text as it comes in pieces, without the secrets of a [`Redactor`], also where one is cut in two between pieces. Holds
/// back as much as the longest form of a secret, twice at most, until more comes or the text ends.
#[derive(Debug)]
pub struct RedactedStream {
    redactor: Redactor,
    held: Vec<u8>,
}

impl Redactor {
    /// The fewest bytes of a value that is looked for.
    pub const BYTES_MIN: usize = BYTES_MIN;

    /// For these values. Values of fewer than 8 bytes are left alone.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets
            .into_iter()
            .filter(|secret| secret.len() >= BYTES_MIN)
        {
            add_forms(secret, &mut forms);
        }
        if forms.is_empty() {
            return Self(None);
        }
        // It fails for patterns beyond gigabytes only; secrets are bounded far below.
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms);
        Self(built.ok())
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The text with `[redacted]` in place of each secret.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(found) if found.is_match(text) => {
                let mut clean = String::with_capacity(text.len());
                found.replace_all_with(text, &mut clean, |_, _, clean| {
                    clean.push_str(REDACTED);
                    true
                });
                Cow::Owned(clean)
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// [`Redactor::redact`] for a text whose end is missing: what may be the beginning of a secret there goes, too.
    #[must_use]
    pub fn redact_cut(&self, text: &str) -> String {
        let mut clean = self.redact(text).into_owned();
        let longest = self.0.as_ref().map_or(0, AhoCorasick::max_pattern_len);
        clean.truncate(clean.floor_char_boundary(clean.len().saturating_sub(longest)));
        clean
    }

    /// Whether a secret is in these bytes.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|found| found.is_match(bytes))
    }

    /// [`Redactor::redact`] for bytes that may be no text.
    #[must_use]
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(found) if found.is_match(bytes) => {
                let mut clean = Vec::with_capacity(bytes.len());
                found.replace_all_with_bytes(bytes, &mut clean, |_, _, clean| {
                    clean.extend_from_slice(REDACTED.as_bytes());
                    true
                });
                Cow::Owned(clean)
            }
            _ => Cow::Borrowed(bytes),
        }
    }

    /// For a text that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> RedactedStream {
        RedactedStream {
            redactor: self.clone(),
            held: Vec::new(),
        }
    }

    /// [`Redactor::redact`] in place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redact(text) {
            *text = clean;
        }
    }
}

impl RedactedStream {
    /// The next piece of the text comes; gives what can be told of it, perhaps nothing.
    #[must_use]
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let Some(found) = &self.redactor.0 else {
            return piece;
        };
        self.held.extend_from_slice(&piece);
        let longest = found.max_pattern_len();
        // Bytes are looked at again once there are as many new ones: pieces of one byte cost no more than one of all.
        if self.held.len() < longest.saturating_mul(2) {
            return Bytes::new();
        }
        // A secret that begins before here has come to its end.
        let sure = self.held.len().saturating_sub(longest.saturating_sub(1));
        let mut clean = Vec::with_capacity(self.held.len());
        let mut told = 0;
        for one in found.find_iter(&self.held) {
            if one.start() >= sure {
                break;
            }
            clean.extend_from_slice(self.held.get(told..one.start()).unwrap_or_default());
            clean.extend_from_slice(REDACTED.as_bytes());
            told = one.end();
        }
        clean.extend_from_slice(self.held.get(told..sure).unwrap_or_default());
        self.held.drain(..told.max(sure));
        clean.into()
    }

    /// The text ends; gives the rest of it.
    #[must_use]
    pub fn end(self) -> Bytes {
        Bytes::from(self.redactor.redact_bytes(&self.held).into_owned())
    }
}

fn add_forms(secret: &str, forms: &mut BTreeSet<String>) {
    forms.insert(secret.to_owned());
    forms.insert(html(secret));
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or(secret);
    forms.insert(json.to_owned());
    forms.insert(json.replace('/', "\\/"));
    for kept in KEPT {
        for upper in [true, false] {
            let encoded = percent_encoded(secret, kept, upper);
            // Of a form, a space is a plus.
            forms.insert(encoded.replace("%20", "+"));
            forms.insert(encoded);
        }
    }
    let hex = hex::encode(secret);
    forms.insert(hex.to_uppercase());
    forms.insert(hex);
    // In base64 of a longer text the value begins at one of three places in a group of three bytes, and only
    // the digits made of nothing but its own bits are always the same.
    for before in 0..3_usize {
        let mut padded = vec![0; before];
        padded.extend_from_slice(secret.as_bytes());
        let skip = [0, 2, 3].get(before).copied().unwrap_or(0);
        let whole_digits = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded);
            if let Some(own) = encoded.get(skip..whole_digits) {
                forms.insert(own.to_owned());
                for upper in [true, false] {
                    forms.insert(percent_encoded(own, "", upper));
                }
            }
        }
    }
}

/// What functions that URL-encode keep beside letters and digits: RFC 3986's unreserved, `encodeURIComponent`, forms,
/// `encodeURI`.
const KEPT: [&str; 4] = ["-._~", "-._~!'()*", "-._*", "-._~!'()*;,/?:@&=+$#"];

fn percent_encoded(secret: &str, kept: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in secret.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || kept.contains(c) {
            encoded.push(c);
        } else if upper {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    encoded
}

fn html(secret: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c => c.to_string(),
    };
    secret.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "sk-te\"st/5ec\u{e9}12e7+?>";

    fn clean(text: &str) -> String {
        Redactor::new([SECRET, "another-secret"])
            .redact(text)
            .into_owned()
    }

    #[test]
    fn a_secret_is_found_in_all_its_forms() {
        let json = serde_json::json!({ "echo": SECRET }).to_string();
        let forms = [
            format!("key {SECRET}!"),
            json.replace('/', "\\/"),
            json,
            format!("?key={}&", percent_encoded(SECRET, "-._~", true)),
            format!("?key={}&", percent_encoded(SECRET, "-._~", false)),
            hex::encode(SECRET),
            hex::encode_upper(SECRET),
            html(SECRET),
            percent_encoded(&STANDARD.encode(format!("user:{SECRET}")), "-._~", true),
        ];
        for form in forms {
            let cleaned = clean(&form);
            assert!(cleaned.contains(REDACTED), "{form} became {cleaned}");
            assert!(!cleaned.contains("12e7"), "{cleaned}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_begins_in_it() {
        for before in ["", "B", "Be", "Bearer ", "user:"] {
            for after in ["", "x", "xy"] {
                let text = format!("{before}{SECRET}{after}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert!(clean(&encoded).contains(REDACTED), "{text:?}: {encoded}");
                }
            }
        }
    }

    #[test]
    fn half_a_secret_at_the_end_of_a_cut_text_goes_too() {
        let redactor = Redactor::new([SECRET]);
        let before = "x".repeat(1_000);
        for shown in 1..SECRET.len() - 1 {
            let half = &SECRET[..SECRET.floor_char_boundary(shown)];
            let clean = redactor.redact_cut(&format!("{before}{half}"));
            assert!(clean.starts_with("xxx") && !clean.contains("sk"), "{half}");
        }
        assert_eq!(Redactor::default().redact_cut("whole"), "whole");
    }

    #[test]
    fn every_secret_is_replaced_and_nothing_else() {
        let text = format!("a {SECRET} b another-secret c {SECRET}");
        assert_eq!(clean(&text), "a [redacted] b [redacted] c [redacted]");
        assert!(matches!(
            Redactor::new([SECRET]).redact("nothing here"),
            Cow::Borrowed("nothing here")
        ));
    }

    /// All ways to cut a text into three pieces, and one byte at a time.
    fn in_pieces(redactor: &Redactor, text: &[u8]) -> Vec<Vec<u8>> {
        let told = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut stream = redactor.stream();
            let mut clean = Vec::new();
            for piece in pieces {
                clean.extend_from_slice(&stream.push(Bytes::copy_from_slice(piece)));
            }
            clean.extend_from_slice(&stream.end());
            clean
        };
        let mut all = vec![told(&mut text.chunks(1))];
        for first in (0..text.len()).step_by(3) {
            for second in (first..text.len()).step_by(7) {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                all.push(told(&mut pieces.into_iter()));
            }
        }
        all
    }

    #[test]
    fn a_secret_is_found_wherever_a_stream_is_cut() {
        let redactor = Redactor::new([SECRET, "another-secret"]);
        let encoded = STANDARD.encode(format!("Bearer {SECRET}"));
        for middle in [
            SECRET,
            &encoded,
            &hex::encode(SECRET),
            "another-secret",
            "another-secre",
        ] {
            for around in [0, 1, 150] {
                let (before, after) = ("x".repeat(around), "y".repeat(around));
                let text = format!("{before}{middle}{after}{middle}");
                let whole = redactor.redact_bytes(text.as_bytes()).into_owned();
                for clean in in_pieces(&redactor, text.as_bytes()) {
                    assert_eq!(
                        String::from_utf8_lossy(&clean),
                        String::from_utf8_lossy(&whole)
                    );
                }
            }
        }
    }

    #[test]
    fn a_stream_without_secrets_is_passed_on_at_once() {
        let mut stream = Redactor::default().stream();
        assert_eq!(stream.push(Bytes::from_static(b"at once")), "at once");
        assert!(stream.end().is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_keep_what_is_no_secret() {
        let redactor = Redactor::new(["another-secret"]);
        let clean = redactor.redact_bytes(b"\xff\x00another-secret\xfe");
        assert_eq!(clean.as_ref(), b"\xff\x00[redacted]\xfe");
        assert!(redactor.finds(b"\xffanother-secret") && !redactor.finds(b"\xffanother-secre"));
    }

    #[test]
    fn a_value_is_looked_for_from_eight_bytes_on() {
        assert_eq!(Redactor::new(["1234567"]).redact("1234567"), "1234567");
        assert_eq!(Redactor::new(["12345678"]).redact("12345678"), "[redacted]");
        assert_eq!(Redactor::new([]).redact("text"), "text");
    }
}
