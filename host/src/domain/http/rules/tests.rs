//! Rules, at their bounds and beyond them; requests that meet them, and that do not.

use super::*;
use crate::domain::CredentialWay;

fn allow(host: &str, methods: &[&str], path: &str) -> HttpAllow {
    HttpAllow {
        host: host.parse().unwrap(),
        methods: methods
            .iter()
            .map(|method| method.parse().unwrap())
            .collect(),
        path: path.parse().unwrap(),
        port: 443,
        credential: None,
    }
}

fn deny(host: &str, path: &str) -> HttpDeny {
    HttpDeny {
        host: host.parse().unwrap(),
        methods: Vec::new(),
        path: path.parse().unwrap(),
        port: None,
    }
}

fn credential(host: &str, path: &str) -> HttpCredential {
    HttpCredential {
        secret: "example.token".parse::<SecretRef>().unwrap(),
        host: host.parse().unwrap(),
        path: path.parse().unwrap(),
        way: CredentialWay::header("Authorization", "Bearer ").unwrap(),
    }
}

fn rules(allow: Vec<HttpAllow>, deny: Vec<HttpDeny>) -> HttpRules {
    HttpRules::new(allow, deny, BTreeMap::new()).unwrap()
}

fn decide(rules: &HttpRules, method: &str, url: &str) -> Result<bool, HttpDenial> {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let target = Target::new(scheme, authority, path).unwrap();
    rules.decide(method, &target).map(|added| added.is_some())
}

#[test]
fn a_request_is_denied_unless_host_method_path_and_port_are_allowed() {
    let rules = rules(
        vec![allow("api.example.com", &["GET", "POST"], "/v1")],
        vec![],
    );
    assert_eq!(
        decide(&rules, "GET", "https://api.example.com/v1/items"),
        Ok(false)
    );
    assert_eq!(
        decide(&rules, "POST", "https://API.example.com:443/v1"),
        Ok(false)
    );
    for (method, url) in [
        ("DELETE", "https://api.example.com/v1"),
        ("get", "https://api.example.com/v1"),
        ("GET", "https://api.example.com/v2"),
        ("GET", "https://api.example.com/v1/../v2"),
        ("GET", "https://api.example.com:8443/v1"),
        ("GET", "http://api.example.com/v1"),
        ("GET", "https://example.com/v1"),
        ("GET", "https://a.api.example.com/v1"),
        ("GET", "https://127.0.0.1/v1"),
    ] {
        assert!(decide(&rules, method, url).is_err(), "{method} {url}");
    }
    assert!(decide(&HttpRules::default(), "GET", "https://api.example.com/").is_err());
}

#[test]
fn a_denial_names_the_lines_that_would_allow_just_this() {
    let denied = decide(
        &HttpRules::default(),
        "PUT",
        "https://api.example.com:8443/v1/a%2fb?key=hunter2",
    );
    let lines = "[[http.allow]]\nhost = \"api.example.com\"\nmethods = [\"PUT\"]\npath = \"/v1\"\nport = 8443";
    assert_eq!(denied, Err(HttpDenial::NotAllowed(lines.to_owned())));
    let denied = decide(&HttpRules::default(), "GET", "https://api.example.com/");
    let lines = "[[http.allow]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]";
    assert_eq!(denied, Err(HttpDenial::NotAllowed(lines.to_owned())));
}

#[test]
fn a_refusal_wins_over_any_allowance_and_is_named() {
    let rules = rules(
        vec![allow("*.example.com", &["GET"], "/")],
        vec![deny("api.example.com", "/admin")],
    );
    assert_eq!(
        decide(&rules, "GET", "https://api.example.com/x"),
        Ok(false)
    );
    assert_eq!(
        decide(&rules, "GET", "https://other.example.com/admin"),
        Ok(false)
    );
    for url in [
        "https://api.example.com/admin",
        "https://api.example.com/ADMIN/users",
        "https://api.example.com/x/..%2fadmin",
        "https://api.example.com//admin",
    ] {
        let Err(HttpDenial::Denied(rule)) = decide(&rules, "GET", url) else {
            panic!("{url}");
        };
        assert_eq!(
            rule,
            "[[http.deny]]\nhost = \"api.example.com\"\npath = \"/admin\""
        );
    }
}

#[test]
fn a_credential_goes_with_the_rule_that_names_it_and_with_no_other() {
    let with = HttpAllow {
        credential: Some("example".parse().unwrap()),
        ..allow("api.example.com", &["GET"], "/v1/private")
    };
    let without = allow("api.example.com", &["GET"], "/v1");
    let credentials = BTreeMap::from([(
        "example".parse().unwrap(),
        credential("api.example.com", "/v1"),
    )]);
    let rules = HttpRules::new(vec![with, without], vec![], credentials).unwrap();
    assert_eq!(
        decide(&rules, "GET", "https://api.example.com/v1/private/x"),
        Ok(true)
    );
    assert_eq!(
        decide(&rules, "GET", "https://api.example.com/v1/public"),
        Ok(false)
    );
    assert_eq!(
        decide(
            &rules,
            "GET",
            "https://api.example.com/v1/public/..%2fprivate"
        ),
        Ok(false)
    );
}

#[test]
fn a_rule_cannot_carry_a_credential_further_than_it_is_bound() {
    let outside = |host: &str, path: &str, bound: (&str, &str)| {
        let rule = HttpAllow {
            credential: Some("example".parse().unwrap()),
            ..allow(host, &["GET"], path)
        };
        let credentials =
            BTreeMap::from([("example".parse().unwrap(), credential(bound.0, bound.1))]);
        HttpRules::new(vec![rule], vec![], credentials)
    };
    assert!(outside("api.example.com", "/v1/x", ("api.example.com", "/v1")).is_ok());
    assert!(outside("api.example.com", "/", ("*.example.com", "/")).is_ok());
    for (host, path, bound) in [
        ("api.example.com", "/", ("api.example.com", "/v1")),
        ("*.example.com", "/v1", ("api.example.com", "/v1")),
        ("evil.example", "/v1", ("api.example.com", "/v1")),
    ] {
        let error = outside(host, path, bound).unwrap_err();
        assert!(matches!(error, HttpRulesError::Outside(_)), "{error}");
    }
}

#[test]
fn rules_that_make_no_sense_together_say_what_to_change() {
    let named = HttpAllow {
        credential: Some("example".parse().unwrap()),
        ..allow("api.example.com", &["GET"], "/")
    };
    let error = HttpRules::new(vec![named], vec![], BTreeMap::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("declare it as [credentials.example]"),
        "{error}"
    );
    let credentials = BTreeMap::from([(
        "example".parse().unwrap(),
        credential("api.example.com", "/"),
    )]);
    let error = HttpRules::new(vec![], vec![], credentials).unwrap_err();
    assert!(error.to_string().contains("no rule"), "{error}");
    let error = HttpRules::new(
        vec![allow("api.example.com", &[], "/")],
        vec![],
        BTreeMap::new(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("methods = [\"GET\"]"), "{error}");
    let zero = HttpAllow {
        port: 0,
        ..allow("api.example.com", &["GET"], "/")
    };
    assert!(matches!(
        HttpRules::new(vec![zero], vec![], BTreeMap::new()),
        Err(HttpRulesError::Port(_))
    ));
}

#[test]
fn counts_are_accepted_at_their_bound_and_refused_one_beyond() {
    let allows = |count: usize| {
        let rules = vec![allow("api.example.com", &["GET"], "/"); count];
        HttpRules::new(rules, vec![], BTreeMap::new())
    };
    assert!(allows(64).is_ok());
    assert!(matches!(
        allows(65),
        Err(HttpRulesError::TooMany {
            count: 65,
            max: 64,
            ..
        })
    ));
    let denies = |count: usize| {
        let rules = vec![deny("api.example.com", "/"); count];
        HttpRules::new(vec![], rules, BTreeMap::new())
    };
    assert!(denies(64).is_ok());
    assert!(denies(65).is_err());
    let methods = |count: usize| {
        let rule = allow("api.example.com", &vec!["GET"; count], "/");
        HttpRules::new(vec![rule], vec![], BTreeMap::new())
    };
    assert!(methods(16).is_ok());
    assert!(methods(17).is_err());
    let credentials = |count: usize| {
        let name = |number: usize| format!("c{number}").parse::<CredentialName>().unwrap();
        let rules = (0..count).map(|number| HttpAllow {
            credential: Some(name(number)),
            ..allow("api.example.com", &["GET"], "/")
        });
        let declared = (0..count).map(|number| (name(number), credential("api.example.com", "/")));
        HttpRules::new(rules.collect(), vec![], declared.collect())
    };
    assert!(credentials(16).is_ok());
    assert!(credentials(17).is_err());
}

#[test]
fn rules_survive_being_stored_and_what_was_never_valid_does_not() {
    let with = HttpAllow {
        credential: Some("example".parse().unwrap()),
        ..allow("api.example.com", &["GET"], "/v1")
    };
    let credentials = BTreeMap::from([(
        "example".parse().unwrap(),
        credential("api.example.com", "/v1"),
    )]);
    let rules = HttpRules::new(
        vec![with],
        vec![deny("*.example.com", "/v1/admin")],
        credentials,
    )
    .unwrap();
    let stored = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<HttpRules>(&stored).unwrap(), rules);
    let widened = stored.replace(
        "\"host\":\"api.example.com\",\"methods\"",
        "\"host\":\"evil.example\",\"methods\"",
    );
    assert_ne!(widened, stored);
    assert!(serde_json::from_str::<HttpRules>(&widened).is_err());
}
