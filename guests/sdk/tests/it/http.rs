//! Requests to the network, through the functions an author calls.

use agent_factory_sdk::ToolError;
use agent_factory_sdk::http::{self, Error};
use agent_factory_sdk::testing::{Capability, FakeResponse, Host};
use serde_json::{Value, json};

#[test]
fn a_request_is_put_together_step_by_step() {
    let host = Host::new();
    host.add_response(FakeResponse::new(201, "made").with_header("Location", "/v1/items/7"));
    let answer = http::post("https://api.example.com/v1/items?dry=1")
        .query("name", "a&b=c d")
        .header("x-request", "7")
        .json(&json!({ "n": 1 }))
        .timeout_milliseconds(500)
        .send()
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.header("location"), Some("/v1/items/7"));
    assert_eq!(answer.text(), "made");
    let [sent] = &host.requests()[..] else {
        panic!("one request");
    };
    assert_eq!(sent.method, "POST");
    assert_eq!(
        sent.url,
        "https://api.example.com/v1/items?dry=1&name=a%26b%3Dc%20d"
    );
    assert_eq!(sent.body, br#"{"n":1}"#);
    assert_eq!(sent.timeout_milliseconds, Some(500));
    let names: Vec<&str> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-request", "content-type"]);
}

#[test]
fn answers_come_in_their_order_and_a_request_without_one_is_told() {
    let host = Host::new();
    host.add_response(FakeResponse::new(200, "one"));
    host.add_response(FakeResponse::failure(Error::Unreachable("gone".to_owned())));
    let get = || http::get("https://api.example.com/").send();
    assert_eq!(get().unwrap().bytes(), b"one");
    assert_eq!(get(), Err(Error::Unreachable("gone".to_owned())));
    let text = get().unwrap_err().to_string();
    assert!(
        text.contains("no answer to GET https://api.example.com/"),
        "{text}"
    );
}

#[test]
fn what_is_no_url_is_told_before_it_is_sent() {
    let host = Host::new();
    for url in [
        "api.example.com",
        "ftp://api.example.com/",
        "https://",
        "https:///x",
        "https://a/#b",
        "https://a/ b",
    ] {
        let refused = http::get(url).send();
        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{url}: {refused:?}"
        );
    }
    assert!(host.requests().is_empty());
}

#[test]
fn an_answer_that_is_not_what_was_asked_for_is_an_error_of_its_kind() {
    let host = Host::new();
    host.add_response(FakeResponse::new(200, "<html>"));
    let answer = http::get("https://api.example.com/").send().unwrap();
    assert!(matches!(answer.json::<Value>(), Err(Error::Unusable(_))));
    for (status, expected) in [
        (401, "NotConfigured"),
        (403, "NotConfigured"),
        (404, "Refused"),
        (500, "Failed"),
    ] {
        host.add_response(FakeResponse::new(status, "no"));
        let answer = http::get("https://api.example.com/").send().unwrap();
        let error = answer.success().unwrap_err();
        assert_eq!(error, Error::Status(status, "no".to_owned()));
        let error = format!("{:?}", ToolError::from(error));
        assert!(error.starts_with(expected), "{status}: {error}");
    }
}

#[test]
fn without_the_grant_every_request_is_denied() {
    let host = Host::new();
    host.deny(Capability::Http);
    host.add_response(FakeResponse::new(200, "never"));
    let denied = http::get("https://api.example.com/").send();
    assert_eq!(denied, Err(Error::Denied));
    assert!(matches!(
        ToolError::from(Error::Denied),
        ToolError::NotConfigured(_)
    ));
    assert!(host.requests().is_empty());
}
