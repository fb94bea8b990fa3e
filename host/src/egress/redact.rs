//! Taking secrets out of what comes back.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
/// A shorter value is not looked for: it is found in any text, and guessed by anybody.
const BYTES_MIN: usize = 8;

/// Replaces secret values in texts, and the forms they take on the way: in base64 (at any place of a longer
/// text), URL-encoded, as hex, and escaped as JSON does. A value is found in one text; one that was cut in
/// two between texts is not.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Option<AhoCorasick>);

impl Redactor {
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

    /// [`Redactor::redact`] in place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redact(text) {
            *text = clean;
        }
    }
}

fn add_forms(secret: &str, forms: &mut BTreeSet<String>) {
    forms.insert(secret.to_owned());
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or(secret);
    forms.insert(json.to_owned());
    forms.insert(json.replace('/', "\\/"));
    for upper in [true, false] {
        forms.insert(percent_encoded(secret, upper));
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
            }
        }
    }
}

fn percent_encoded(secret: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in secret.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ if upper => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
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
            format!("?key={}&", percent_encoded(SECRET, true)),
            format!("?key={}&", percent_encoded(SECRET, false)),
            hex::encode(SECRET),
            hex::encode_upper(SECRET),
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

    #[test]
    fn a_value_is_looked_for_from_eight_bytes_on() {
        assert_eq!(Redactor::new(["1234567"]).redact("1234567"), "1234567");
        assert_eq!(Redactor::new(["12345678"]).redact("12345678"), "[redacted]");
        assert_eq!(Redactor::new([]).redact("text"), "text");
    }
}
