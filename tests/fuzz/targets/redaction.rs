//! Secrets in a text: the secret, a zero byte, and a text in which the bytes 1 to 7 stand for forms of the secret.

use agent_factory::egress::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A shorter value is left alone.
const BYTES_MIN: usize = 8;

/// No form of the secret is left.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((secret, pattern)) = text.split_once('\0') else {
        return;
    };
    // What stands for a secret must not itself be one.
    if secret.len() < BYTES_MIN || secret.contains(['[', ']']) || secret == "redacted" {
        return;
    }
    let forms = forms(secret);
    let mut echo = String::new();
    for c in pattern.chars() {
        match usize::try_from(u32::from(c))
            .ok()
            .and_then(|place| forms.get(place.wrapping_sub(1)))
        {
            Some(form) => echo.push_str(form),
            None => echo.push(c),
        }
    }
    let redactor = Redactor::new([secret]);
    let clean = redactor.redact(&echo).into_owned();
    for form in &forms {
        assert!(
            !clean.contains(form.as_str()),
            "{form:?} is left in {clean:?}"
        );
    }
    assert_eq!(
        redactor.redact(&clean),
        clean,
        "what is clean stays as it is"
    );
    assert_eq!(in_pieces(&redactor, &echo), clean, "cut into pieces");
    let mut in_place = echo.clone();
    redactor.clean(&mut in_place);
    assert_eq!(in_place, clean);
    // A text that was cut anywhere ends in no half of a secret.
    for at in (0..=echo.len())
        .filter(|at| echo.is_char_boundary(*at))
        .take(64)
    {
        let cut = redactor.redact_cut(&echo[..at]);
        assert!(!cut.contains(secret), "{cut:?}");
    }
}

/// As it comes over a network: in pieces, of lengths that the text itself gives.
fn in_pieces(redactor: &Redactor, echo: &str) -> String {
    let mut stream = redactor.stream();
    let (mut rest, mut clean) = (echo.as_bytes(), Vec::new());
    while let Some(first) = rest.first() {
        let length = usize::from(first % 23).clamp(1, rest.len());
        let (piece, after) = rest.split_at(length);
        clean.extend_from_slice(&stream.push(piece.to_vec().into()));
        rest = after;
    }
    clean.extend_from_slice(&stream.end());
    String::from_utf8(clean).expect("what was text stays text")
}

fn forms(secret: &str) -> Vec<String> {
    let percent = |upper: bool| -> String {
        let encode = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        secret.bytes().map(encode).collect()
    };
    let json = serde_json::Value::from(secret).to_string();
    vec![
        secret.to_owned(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        STANDARD.encode(format!("user:{secret}")),
        percent(true),
        percent(false),
        hex::encode(secret),
        json[1..json.len() - 1].to_owned(),
    ]
}
