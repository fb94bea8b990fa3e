//! Which requests a skill may make: `config/capabilities.toml`, a line `====`, and a request a line: method, scheme, authority
//! and path, a space between them.

use agent_factory::config::Config;
use agent_factory::domain::{HttpDenial, HttpRules, PathPrefix, Target};
use agent_factory::workspace::{Bounds, Files, SkillFolder};
use reqwest::Url;

/// What comes between the file and the requests.
pub const BETWEEN: &str = "\n====\n";
/// Requests that are looked at.
const REQUESTS: usize = 8;

/// What is allowed is allowed by a rule and denied by none, however a server reads it; and a rule that a denial names does allow it.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((file, requests)) = text.split_once(BETWEEN) else {
        return;
    };
    let Some(rules) = rules(file) else { return };
    for line in requests.lines().take(REQUESTS) {
        let mut parts = line.splitn(4, ' ');
        let (Some(method), Some(scheme), Some(authority), Some(path)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let Ok(target) = Target::new(scheme, authority, path) else {
            continue;
        };
        let again = target.url().as_str().parse::<Url>();
        assert_eq!(
            again.as_ref(),
            Ok(target.url()),
            "it is sent as it was read"
        );
        match rules.decide(method, &target) {
            Ok(credential) => {
                allowed(&rules, method, &target);
                if let Some((name, credential)) = credential {
                    let path = readings(target.path())
                        .iter()
                        .all(|path| begins(path, &credential.path, |a, b| a == b));
                    assert!(
                        path && credential.host.matches(target.host()),
                        "{name} leaves its place"
                    );
                }
            }
            Err(HttpDenial::NotAllowed(lines)) => advised(file, &lines, method, &target),
            Err(HttpDenial::Denied(_)) => {}
        }
    }
}

/// What the file asks for, where it can be read.
pub fn rules(file: &str) -> Option<HttpRules> {
    let name = "notes".parse().expect("a name");
    let manifest = "---\nname: notes\ndescription: Notes.\n---\n";
    let mut files = Files::new();
    let mut add = |path: &str, text: &str| {
        files.insert(path.parse().expect("a path"), text.to_owned().into());
    };
    add("SKILL.md", manifest);
    add("scripts/notes.wasm", "\0asm");
    add("config/capabilities.toml", file);
    let folder = SkillFolder::of(&name, files, &Bounds::of(&Config::default()));
    Some(folder.ok()?.asked.http)
}

fn allowed(rules: &HttpRules, method: &str, target: &Target) {
    let readings = readings(target.path());
    let of_host = |pattern: String| match pattern.strip_prefix("*.") {
        Some(name) => target
            .host()
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == name),
        None => pattern == target.host(),
    };
    let by = rules.allowed().iter().any(|rule| {
        rule.methods.iter().any(|one| one.as_str() == method)
            && of_host(rule.host.to_string())
            && rule.port == target.port()
            && readings
                .iter()
                .all(|path| begins(path, &rule.path, |a, b| a == b))
    });
    assert!(by, "no rule allows {method} {}", target.url());
    let against = rules.denied().iter().find(|rule| {
        let method_too = rule.methods.iter().any(|one| one.as_str() == method);
        (rule.methods.is_empty() || method_too)
            && of_host(rule.host.to_string())
            && rule.port.is_none_or(|port| port == target.port())
            && readings
                .iter()
                .any(|path| begins(path, &rule.path, str::eq_ignore_ascii_case))
    });
    assert!(
        against.is_none(),
        "{against:?} denies {method} {}",
        target.url()
    );
}

fn begins(path: &[String], prefix: &PathPrefix, same: fn(&str, &str) -> bool) -> bool {
    let prefix = prefix.to_string();
    let mut own = prefix.split('/').filter(|segment| !segment.is_empty());
    let mut segments = path.iter();
    own.all(|own| segments.next().is_some_and(|one| same(own, one)))
}

/// A path's segments as servers may read it: decoded once, or twice behind a proxy; with parameters (`;x`) or without.
fn readings(path: &str) -> Vec<Vec<String>> {
    let (once, twice) = (decoded(path), decoded(&decoded(path)));
    let mut all = Vec::new();
    for path in [once, twice] {
        for parameters in [true, false] {
            all.push(followed(&path, parameters));
        }
    }
    all
}

/// Dots are followed, and empty segments dropped.
fn followed(path: &str, parameters: bool) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        let plain = segment.split(';').next().unwrap_or_default();
        match if parameters { segment } else { plain } {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

fn decoded(path: &str) -> String {
    let mut rest = path.as_bytes();
    let mut decoded = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = digits
            .filter(|two| *first == b'%' && two.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        decoded.push(value.unwrap_or(*first));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// What the author is told to add, added.
fn advised(file: &str, lines: &str, method: &str, target: &Target) {
    // A rule says plain paths only; for others it says as much as it can.
    if target.path().parse::<PathPrefix>().is_err() {
        return;
    }
    if let Some(rules) = rules(&format!("{file}\n{lines}\n")) {
        let decided = rules.decide(method, target);
        assert!(
            decided.is_ok(),
            "{lines} does not allow {method} {}",
            target.url()
        );
    }
}
