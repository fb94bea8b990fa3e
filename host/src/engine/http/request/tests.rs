//! Requests that a guest should not get through.

use super::*;
use crate::domain::{Grants, HttpAllow};

const SECRET: &str = "s3cret-value-1";

fn rules(way: CredentialWay) -> HttpRules {
    let credential = HttpCredential {
        secret: "example.token".parse().unwrap(),
        host: "api.example.com".parse().unwrap(),
        path: "/".parse().unwrap(),
        way,
    };
    let allow = HttpAllow {
        host: "api.example.com".parse().unwrap(),
        methods: vec!["GET".parse().unwrap(), "POST".parse().unwrap()],
        path: "/".parse().unwrap(),
        port: 443,
        credential: Some("example".parse().unwrap()),
    };
    let credentials = BTreeMap::from([("example".parse().unwrap(), credential)]);
    HttpRules::new(vec![allow], vec![], credentials).unwrap()
}

fn asked(path: &str, headers: &[(&str, &str)]) -> Asked {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    Asked {
        method: "GET".to_owned(),
        scheme: "https".to_owned(),
        authority: "api.example.com".to_owned(),
        path_with_query: path.to_owned(),
        headers: map,
    }
}

fn prepared(way: CredentialWay, asked: Asked) -> Result<Wanted, Refusal> {
    let secrets = BTreeMap::from([("example.token".parse().unwrap(), SECRET.to_owned().into())]);
    prepare(asked, &rules(way), &secrets, &Redactor::new([SECRET]))
}

fn bearer() -> CredentialWay {
    CredentialWay::header("Authorization", "Bearer ").unwrap()
}

#[test]
fn a_request_gets_its_credential_and_asks_for_a_plain_answer() {
    let asked = asked(
        "/v1?q=1",
        &[
            ("accept", "a/b"),
            ("accept-encoding", "gzip"),
            ("content-length", "0"),
        ],
    );
    let wanted = prepared(bearer(), asked).unwrap();
    assert_eq!(wanted.headers["authorization"], format!("Bearer {SECRET}"));
    assert_eq!(wanted.headers["accept-encoding"], "identity");
    assert_eq!(wanted.headers["accept"], "a/b");
    assert_eq!(wanted.headers.len(), 3);
    assert_eq!(wanted.length, Some(0));
    assert_eq!(wanted.url.as_str(), "https://api.example.com/v1?q=1");
}

#[test]
fn headers_of_the_connection_and_those_that_redirect_a_request_are_denied_however_they_are_spelled()
{
    let odd = [
        "Transfer_Encoding",
        "content_length",
        "accept_encoding",
        "X_HTTP_Method_Override",
        "authorization",
        "Authorization",
    ];
    for name in FORBIDDEN.into_iter().chain(odd) {
        let denied = prepared(bearer(), asked("/", &[(name, "x")]));
        assert!(
            matches!(denied, Err(Refusal::Denied(_))),
            "{name}: {denied:?}"
        );
    }
}

#[test]
fn a_length_is_one_number() {
    for lengths in [
        &["1", "1"][..],
        &["1", "2"],
        &["+1"],
        &["1,1"],
        &["0x1"],
        &[""],
        &["99999999999999999999"],
    ] {
        let headers: Vec<_> = lengths
            .iter()
            .map(|length| ("content-length", *length))
            .collect();
        let denied = prepared(bearer(), asked("/", &headers));
        assert!(matches!(denied, Err(Refusal::Denied(_))), "{lengths:?}");
    }
}

#[test]
fn the_place_of_a_credential_is_the_hosts() {
    let key = || CredentialWay::header("X-Api-Key", "").unwrap();
    for name in ["x-api-key", "X_Api_Key"] {
        let denied = prepared(key(), asked("/", &[(name, "mine")]));
        assert!(matches!(denied, Err(Refusal::Denied(_))), "{name}");
    }
    assert!(prepared(key(), asked("/", &[("authorization", "mine")])).is_ok());
    let query = || CredentialWay::query("key").unwrap();
    for path in ["/?key=mine", "/?a=1&KEY=mine", "/?%6bey=mine", "/?key"] {
        let denied = prepared(query(), asked(path, &[]));
        assert!(matches!(denied, Err(Refusal::Denied(_))), "{path}");
    }
    assert!(prepared(query(), asked("/?keys=1", &[])).is_ok());
}

#[test]
fn a_known_secret_is_not_sent_by_a_guest_in_any_form() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(SECRET);
    for form in [SECRET.to_owned(), base64, hex::encode(SECRET)] {
        let path = format!("/?q={form}");
        for asked in [
            asked(&path, &[]),
            asked("/", &[("x", &form)]),
            asked(&format!("/{form}"), &[]),
        ] {
            let denied = prepared(bearer(), asked);
            let Err(Refusal::Denied(text)) = denied else {
                panic!("{form}: {denied:?}");
            };
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[test]
fn without_a_rule_nothing_is_sent_and_the_lines_are_named() {
    let refused = prepare(
        asked("/v1", &[]),
        &Grants::none().http,
        &BTreeMap::new(),
        &Redactor::default(),
    );
    let Err(Refusal::NotGranted(lines)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        lines.starts_with("[[http.allow]]\nhost = \"api.example.com\""),
        "{lines}"
    );
}
