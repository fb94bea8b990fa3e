//! What a rule allows is allowed however the server behind it reads the path, and what a rule denies is denied so.

use agent_factory::domain::{HttpRules, Target};
use proptest::prelude::*;
use serde_json::json;

/// How a server may come from the text of a path to what it serves. Written apart from what it tests, as servers do it:
/// on text, step by step.
#[derive(Clone, Copy, Debug)]
enum Server {
    /// As it is written.
    Plain,
    /// Decodes, then follows dots.
    DecodesFirst,
    /// Decodes twice (a proxy before it did so once), then follows dots.
    DecodesTwice,
    /// Drops `;parameters` of each segment, decodes, follows dots.
    DropsParameters,
    /// Decodes, then drops parameters, merges slashes, and follows dots.
    MergesSlashes,
    /// Decodes, takes `\\` for `/`, merges slashes, follows dots, and does not care for capitals.
    LikeWindows,
}

const SERVERS: [Server; 6] = [
    Server::Plain,
    Server::DecodesFirst,
    Server::DecodesTwice,
    Server::DropsParameters,
    Server::MergesSlashes,
    Server::LikeWindows,
];

impl Server {
    fn serves(self, path: &str) -> String {
        let resolved = match self {
            Self::Plain => dots(path),
            Self::DecodesFirst => dots(&decoded(path)),
            Self::DecodesTwice => dots(&decoded(&decoded(path))),
            Self::DropsParameters => dots(&decoded(&without_parameters(path))),
            Self::MergesSlashes => dots(&merged(&without_parameters(&decoded(path)))),
            Self::LikeWindows => dots(&merged(&decoded(path).replace('\\', "/"))),
        };
        match self {
            Self::LikeWindows => resolved.to_ascii_lowercase(),
            _ => resolved,
        }
    }
}

fn decoded(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let pair = rest
            .get(at + 1..at + 3)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match pair {
            Some(byte) if byte.is_ascii() => {
                out.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn without_parameters(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| segment.split(';').next().unwrap_or_default());
    segments.collect::<Vec<_>>().join("/")
}

fn merged(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

fn dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn below(prefix: &str, served: &str) -> bool {
    served == prefix || served.starts_with(&format!("{prefix}/"))
}

/// Paths of what attackers put into them.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("/".to_owned()),
        2 => Just("v1".to_owned()),
        2 => Just("admin".to_owned()),
        2 => Just("..".to_owned()),
        1 => prop::sample::select(vec![
            ".", "//", "%2e", "%2E%2e", "%2f", "%2F", "%5c", "%252e", "%252f", "%25", ";", "..;", "%3b", "v10", "V1",
            "Admin", "%61dmin", "%76", "1", "x", "%", "%2", "?", "a=b", "\\", "#", "%00", "%c0%ae", "@", ":", "*", "~",
            "..%2f", "%2e%2e%2f", "%ff",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn rules() -> HttpRules {
    serde_json::from_value(json!({
        "allow": [{ "host": "api.example.com", "methods": ["GET"], "path": "/v1" }],
        "deny": [{ "host": "api.example.com", "path": "/v1/admin" }],
    }))
    .expect("rules")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn what_is_allowed_is_below_the_allowed_path_and_not_below_the_denied_for_every_server(path in paths()) {
        let Ok(target) = Target::new("https", "api.example.com", &path) else {
            return Ok(());
        };
        if rules().decide("GET", &target).is_ok() {
            for server in SERVERS {
                let served = server.serves(target.path());
                prop_assert!(below("/v1", &served), "{server:?} serves {served} for {path}");
                prop_assert!(!below("/v1/admin", &served), "{server:?} serves {served} for {path}");
            }
        }
    }

    #[test]
    fn a_plain_path_below_the_allowed_one_is_allowed(segments in prop::collection::vec("[a-z0-9_~-]{1,8}", 0..5)) {
        let path = format!("/v1/{}", segments.join("/"));
        let target = Target::new("https", "api.example.com", &path).expect("a target");
        let denied = segments.first().is_some_and(|first| first == "admin");
        prop_assert_eq!(rules().decide("GET", &target).is_err(), denied);
    }

    #[test]
    fn an_authority_means_the_rules_host_or_nothing(authority in "[aA]pi[.]example[.]com|[a-z.@:%/\\[\\]0-9-]{0,24}(api.example.com)?[.:@a-z0-9]{0,8}") {
        let Ok(target) = Target::new("https", &authority, "/v1") else {
            return Ok(());
        };
        if rules().decide("GET", &target).is_ok() {
            prop_assert_eq!(target.url().as_str(), "https://api.example.com/v1");
        }
    }
}
