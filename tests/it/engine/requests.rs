//! Requests of a skill to the network: what is sent, what is denied, and what it leaves in the receipt.

use super::fixture::{Fixture, egress, egress_by, egress_to};
use agent_factory::config::Limits;
use agent_factory::domain::{HttpRules, HttpUsage, Receipt, ReceiptOutcome};
use agent_factory::egress::Lookup;
use agent_factory::engine::{Grants, TurnEnd};
use agent_factory_tests::web::{Step, WebDouble, answer, chunked, one_chunk};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Rules as they are stored: GET and POST below `/v1` of this server.
pub(crate) fn rules(address: &str) -> HttpRules {
    let (host, port) = address.rsplit_once(':').expect("a port");
    let port: u16 = port.parse().expect("a number");
    serde_json::from_value(json!({
        "allow": [{ "host": host, "methods": ["GET", "POST"], "path": "/v1", "port": port }],
    }))
    .expect("rules")
}

pub(crate) fn granted(http: HttpRules) -> Grants {
    Grants {
        http,
        ..Grants::none()
    }
}

/// A skill that may reach a server, its host, and a server of a neighbour's on the same host.
pub(crate) struct Reaching {
    pub(crate) fixture: Fixture,
    friendly: WebDouble,
}

impl std::ops::Deref for Reaching {
    type Target = Fixture;

    fn deref(&self) -> &Fixture {
        &self.fixture
    }
}

impl Reaching {
    /// With nothing granted.
    pub(crate) async fn new(limits: Limits, server: &WebDouble) -> Self {
        let friendly = WebDouble::friendly().await;
        let list = format!("{},{}", server.address(), friendly.address());
        Self {
            fixture: Fixture::with_requests(limits, egress_to(&list)).await,
            friendly,
        }
    }

    /// The call of another skill on the same host, with a server and limits of its own, is answered as ever.
    pub(crate) async fn neighbour_is_well(&self) {
        let mut neighbour = self.fixture.clone();
        let address = self.friendly.address().to_string();
        neighbour.grants = granted(rules(&address));
        neighbour.secrets.clear();
        let request = json!({ "authority": address, "path": "/v1/neighbour", "method": "POST", "body": "well" });
        let (seen, receipt) = one(&neighbour, request).await;
        assert_eq!(seen["body"], "POST /v1/neighbour HTTP/1.1");
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
        assert_eq!((receipt.http.calls, receipt.http.denied), (1, 0));
    }
}

/// A skill that may reach this server, and its host.
pub(crate) async fn reaching(limits: Limits, server: &WebDouble) -> Reaching {
    let mut reaching = Reaching::new(limits, server).await;
    reaching.fixture.grants = granted(rules(&server.address().to_string()));
    reaching
}

/// What the guest saw of its requests, and the receipt of its call.
pub(crate) async fn send(fixture: &Fixture, requests: Value) -> (Result<Value, String>, Receipt) {
    let arguments = json!({ "requests": requests });
    let end = fixture
        .turn(&format!("tool hostile__send {arguments}"))
        .await;
    seen(end)
}

pub(crate) fn seen(end: TurnEnd) -> (Result<Value, String>, Receipt) {
    let text = end
        .outcome
        .expect("a turn that completes")
        .reply
        .expect("a reply")
        .text;
    let answer = match text.strip_prefix("call-1: ok ") {
        Some(json) => Ok(serde_json::from_str(json).expect("what the guest saw")),
        None => Err(text),
    };
    let receipt = end.receipts.into_iter().nth(1).expect("the tool's receipt");
    (answer, receipt)
}

/// One request, alone.
pub(crate) async fn one(fixture: &Fixture, request: Value) -> (Value, Receipt) {
    let (answer, receipt) = send(fixture, json!([request])).await;
    (answer.expect("an answer")[0].clone(), receipt)
}

pub(crate) fn log(receipt: &Receipt) -> String {
    let lines: Vec<&str> = receipt.log.iter().map(|line| line.text.as_str()).collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_granted_request_is_sent_as_it_was_checked_and_leaves_its_figures() {
    let server = WebDouble::friendly().await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    let request = json!({
        "method": "POST", "authority": address, "path": "/v1/./items/../x?q=1",
        "headers": [["accept", "a/b"], ["accept-encoding", "gzip, br"]], "body": "hello",
    });
    let (seen, receipt) = one(&fixture, request).await;
    assert_eq!(
        (&seen["status"], &seen["body"]),
        (&json!(200), &json!("POST /v1/x?q=1 HTTP/1.1"))
    );
    let [received] = &server.requests()[..] else {
        panic!("one request");
    };
    assert_eq!(received.body, b"hello");
    assert_eq!(received.header("host"), Some(address.as_str()));
    assert_eq!(received.header("accept"), Some("a/b"));
    assert_eq!(received.header("accept-encoding"), Some("identity"));
    assert_eq!(received.header("content-length"), Some("5"));
    assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    let HttpUsage {
        calls,
        denied,
        request_bytes,
        response_bytes,
    } = receipt.http;
    assert_eq!((calls, denied), (1, 0));
    assert!(
        request_bytes > 5 && response_bytes > 24,
        "{request_bytes} {response_bytes}"
    );
}

#[tokio::test]
async fn several_requests_are_under_way_at_once() {
    let server = WebDouble::friendly().await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    let request = |path: &str| json!({ "authority": address, "path": path });
    let (seen, receipt) = send(
        &fixture,
        json!([request("/v1/a"), request("/v1/b"), request("/v2")]),
    )
    .await;
    let seen = seen.unwrap();
    assert_eq!(seen[0]["body"], "GET /v1/a HTTP/1.1");
    assert_eq!(seen[1]["body"], "GET /v1/b HTTP/1.1");
    assert_eq!(seen[2]["error"], "ErrorCode::HttpRequestDenied");
    assert_eq!((receipt.http.calls, receipt.http.denied), (3, 1));
}

#[tokio::test]
async fn what_no_rule_allows_is_denied_and_the_receipt_names_the_lines() {
    let server = WebDouble::friendly().await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    let port = server.address().port();
    for (request, lines) in [
        (
            json!({ "authority": address, "path": "/v2/x?key=hunter2" }),
            format!(
                "[[http.allow]]\nhost = \"127.0.0.1\"\nmethods = [\"GET\"]\npath = \"/v2/x\"\nport = {port}"
            ),
        ),
        (
            json!({ "authority": address, "path": "/v1", "method": "DELETE" }),
            format!(
                "[[http.allow]]\nhost = \"127.0.0.1\"\nmethods = [\"DELETE\"]\npath = \"/v1\"\nport = {port}"
            ),
        ),
        (
            json!({ "authority": "127.0.0.1", "path": "/v1" }),
            "[[http.allow]]\nhost = \"127.0.0.1\"\nmethods = [\"GET\"]\npath = \"/v1\"\nport = 80"
                .to_owned(),
        ),
        (
            json!({ "authority": "api.example.com", "scheme": "https", "path": "/" }),
            "[[http.allow]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]".to_owned(),
        ),
    ] {
        let (seen, receipt) = one(&fixture, request).await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
        let log = log(&receipt);
        assert!(log.contains(&lines), "{log}");
        assert!(!log.contains("hunter2"), "a query is not logged: {log}");
        assert_eq!((receipt.http.calls, receipt.http.denied), (1, 1));
    }
    assert!(server.requests().is_empty());
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn a_refusing_rule_wins_and_is_named() {
    let server = WebDouble::friendly().await;
    let mut fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    let mut stored = serde_json::to_value(rules(&address)).unwrap();
    stored["deny"] = json!([{ "host": "127.0.0.1", "path": "/v1/admin" }]);
    fixture.fixture.grants = granted(serde_json::from_value(stored).unwrap());
    let (seen, _) = one(
        &fixture,
        json!({ "authority": address, "path": "/v1/items" }),
    )
    .await;
    assert_eq!(seen["status"], 200);
    for path in [
        "/v1/admin",
        "/v1/ADMIN/x",
        "/v1/x/..%2fadmin",
        "/v1//admin",
        "/v1/%61dmin",
        "/v1/x;y/../admin",
    ] {
        let (seen, receipt) = one(&fixture, json!({ "authority": address, "path": path })).await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied", "{path}");
        assert!(
            log(&receipt).contains("[[http.deny]]\nhost = \"127.0.0.1\"\npath = \"/v1/admin\"")
        );
    }
    assert_eq!(server.requests().len(), 1);
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn an_address_in_another_form_meets_the_same_rules() {
    let server = WebDouble::friendly().await;
    let fixture = reaching(Limits::default(), &server).await;
    let port = server.address().port();
    let address = server.address().to_string();
    for authority in [
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f.0.0.1:{port}"),
    ] {
        let (seen, _) = one(&fixture, json!({ "authority": authority, "path": "/v1" })).await;
        assert_eq!(
            seen["status"], 200,
            "{authority} is 127.0.0.1 for the rule and for the wire"
        );
    }
    for (authority, path) in [
        (format!("localhost:{port}"), "/v1"),
        (format!("me@127.0.0.1:{port}"), "/v1"),
        (format!("127.0.0.1.:{port}"), "/v1"),
        (format!("[::ffff:127.0.0.1]:{port}"), "/v1"),
        (address.clone(), "http://169.254.169.254/v1"),
        (address.clone(), "//169.254.169.254/v1"),
        (address.clone(), "/v1/../../etc"),
        (address.clone(), "/v1/%2e%2e/x"),
        (address.clone(), "/v1/..;/x"),
        (address.clone(), "*"),
    ] {
        let (seen, receipt) = one(&fixture, json!({ "authority": authority, "path": path })).await;
        let denied = seen["error"] == "ErrorCode::HttpRequestDenied" || !seen["refused"].is_null();
        assert!(denied, "{authority} {path}: {seen}");
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    }
    for method in ["CONNECT", "TRACE", "get", "GET "] {
        let (seen, _) = one(
            &fixture,
            json!({ "authority": address, "path": "/v1", "method": method }),
        )
        .await;
        assert!(seen["status"].is_null(), "{method}: {seen}");
    }
    assert_eq!(server.requests().len(), 3);
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn what_would_make_two_requests_of_one_is_denied() {
    let server = WebDouble::friendly().await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    for headers in [
        json!([["transfer-encoding", "chunked"]]),
        json!([["Transfer_Encoding", "chunked"]]),
        json!([["content-length", "3"], ["content-length", "5"]]),
        json!([["content-length", "+5"]]),
        json!([["content-length", "3"]]),
        json!([["content-length", "7"]]),
        json!([["content_length", "5"]]),
        json!([["connection", "content-length"]]),
        json!([["upgrade", "h2c"]]),
        json!([["expect", "100-continue"]]),
        json!([["host", "evil.example"]]),
        json!([["x-http-method-override", "DELETE"]]),
        json!([["x-original-url", "/admin"]]),
        json!([["x", "a\r\nx-smuggled: 1"]]),
        json!([["x\r\ny", "a"]]),
        json!([["x ", "a"]]),
    ] {
        let request = json!({
            "authority": address, "path": "/v1", "method": "POST", "body": "hello", "headers": headers,
        });
        let (seen, receipt) = one(&fixture, request).await;
        assert!(seen["status"].is_null(), "{headers}: {seen}");
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok, "{headers}");
    }
    let trailers = json!({ "authority": address, "path": "/v1", "method": "POST", "body": "x", "trailers": true });
    let (seen, _) = one(&fixture, trailers).await;
    assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
    assert!(server.requests().is_empty());
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn a_redirect_is_the_guests_to_follow_and_meets_the_rules_again() {
    let server = WebDouble::start(|request| {
        let host = request.header("host").unwrap_or_default();
        let to = match request.line() {
            "GET /v1/there HTTP/1.1" => return answer("200 OK", &[], b"there"),
            "GET /v1/inside HTTP/1.1" => format!("http://{host}/v1/there"),
            "GET /v1/metadata HTTP/1.1" => "http://169.254.169.254/latest/meta-data".to_owned(),
            _ => format!("http://{host}/v2"),
        };
        answer("302 Found", &[("location", &to)], b"")
    })
    .await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    for path in ["/v1/metadata", "/v1/other"] {
        let (seen, receipt) = one(&fixture, json!({ "authority": address, "path": path })).await;
        assert_eq!(seen["status"], 302, "the host follows nothing: {seen}");
        assert_eq!(receipt.http.calls, 1);
    }
    let follow = |path: &str| json!({ "authority": address, "path": path, "follow": 1 });
    let (seen, _) = one(&fixture, follow("/v1/inside")).await;
    assert_eq!(seen["followed"]["body"], "there");
    let (seen, _) = one(&fixture, follow("/v1/other")).await;
    assert_eq!(seen["followed"]["error"], "ErrorCode::HttpRequestDenied");
    let (seen, receipt) = one(&fixture, follow("/v1/metadata")).await;
    assert_eq!(seen["followed"]["error"], "ErrorCode::HttpRequestDenied");
    assert!(
        log(&receipt).contains("host = \"169.254.169.254\""),
        "{}",
        log(&receipt)
    );
    assert_eq!((receipt.http.calls, receipt.http.denied), (2, 1));
    fixture.neighbour_is_well().await;
}

/// Answers with one list of addresses after the other, the last one for ever.
struct Rebinding(Mutex<Vec<&'static str>>);

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let address = match answers.len() {
            1 => answers[0],
            _ => answers.remove(0),
        };
        let address = address.parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

#[tokio::test]
async fn a_granted_name_that_leads_to_a_private_address_is_refused_each_time_it_does() {
    let granted_name: HttpRules = serde_json::from_value(json!({
        "allow": [{ "host": "rebinding.example", "methods": ["GET"] }],
    }))
    .unwrap();
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "2001:0:1:2:3:4:80ff:fffe",
    ] {
        // A public address that answers nobody, then the private one.
        let lookup = Arc::new(Rebinding(Mutex::new(vec!["192.0.9.1", private])));
        let mut fixture = Fixture::with_requests(Limits::default(), egress_by("", lookup)).await;
        fixture.grants = granted(granted_name.clone());
        let request = json!({
            "authority": "rebinding.example", "scheme": "https", "path": "/", "first_byte_ms": 50, "times": 2,
        });
        let (seen, receipt) = send(&fixture, json!([request])).await;
        let seen = seen.unwrap();
        assert_eq!(
            seen[0]["error"], "ErrorCode::DestinationUnavailable",
            "{private}"
        );
        assert_eq!(
            seen[1]["error"], "ErrorCode::DestinationIpProhibited",
            "{private}"
        );
        assert!(
            log(&receipt).contains("is not a public address"),
            "{}",
            log(&receipt)
        );
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    }
}

#[tokio::test]
async fn a_granted_private_address_opens_only_by_the_operators_list() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    let mut fixture = Fixture::with_requests(Limits::default(), egress()).await;
    fixture.grants = granted(rules(&address));
    let (seen, _) = one(
        &fixture,
        json!({ "authority": address, "path": "/v1", "scheme": "https" }),
    )
    .await;
    assert_eq!(seen["error"], "ErrorCode::DestinationIpProhibited");
    let (seen, receipt) = one(&fixture, json!({ "authority": address, "path": "/v1" })).await;
    assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
    assert!(
        log(&receipt).contains("egress.allow_private"),
        "{}",
        log(&receipt)
    );
    assert_eq!(receipt.http.denied, 1);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn requests_of_one_call_end_it_one_beyond_their_limit() {
    let server = WebDouble::friendly().await;
    let limits = Limits {
        http_calls: 3,
        ..Limits::default()
    };
    let fixture = reaching(limits, &server).await;
    let address = server.address().to_string();
    let times = |times: u32| json!([{ "authority": address, "path": "/v1", "times": times }]);
    let (seen, receipt) = send(&fixture, times(3)).await;
    assert_eq!(seen.unwrap()[2]["status"], 200);
    assert_eq!(receipt.http.calls, 3);
    let (seen, receipt) = send(&fixture, times(4)).await;
    let text = seen.unwrap_err();
    assert!(
        text.contains("Exhausted") && text.contains("more than 3 HTTP requests (http_calls)"),
        "{text}"
    );
    assert_eq!(
        (receipt.outcome, receipt.http.calls),
        (ReceiptOutcome::Exhausted, 3)
    );
    assert_eq!(server.requests().len(), 6);
    // Denied requests count, too.
    let (seen, _) = send(
        &fixture,
        json!([{ "authority": "denied.example", "path": "/", "times": 4 }]),
    )
    .await;
    assert!(seen.unwrap_err().contains("(http_calls)"));
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn a_request_bomb_ends_the_call_at_the_limit_of_its_requests() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    let request = |body: usize| json!([{ "authority": address, "path": "/v1", "method": "POST", "body": "x", "body_times": body }]);
    let head = "POST".len() + address.len() + "/v1".len();
    let limits = Limits {
        http_request_bytes: u64::try_from(head + 1_000).unwrap(),
        ..Limits::default()
    };
    let fixture = reaching(limits, &server).await;
    let (seen, receipt) = send(&fixture, request(1_000)).await;
    assert_eq!(seen.unwrap()[0]["status"], 200);
    assert_eq!(
        receipt.http.request_bytes,
        u64::try_from(head + 1_000).unwrap()
    );
    let (seen, receipt) = send(&fixture, request(1_001)).await;
    let text = seen.unwrap_err();
    assert!(
        text.contains("Exhausted") && text.contains("(http_request_bytes)"),
        "{text}"
    );
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted);
    assert_eq!(server.requests().len(), 1, "nothing of the second was sent");
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn a_response_bomb_ends_the_call_at_the_limit_of_its_responses() {
    let head = "content-length".len() + "1000".len();
    let limits = Limits {
        http_response_bytes: u64::try_from(head + 1_000).unwrap(),
        ..Limits::default()
    };
    let server = WebDouble::start(|request| match request.line() {
        "GET /v1/at HTTP/1.1" => answer("200 OK", &[], &[b'x'; 1_000]),
        "GET /v1/beyond HTTP/1.1" => answer("200 OK", &[], &[b'x'; 1_001]),
        "GET /v1/headers HTTP/1.1" => answer("200 OK", &[("x", &"y".repeat(2_000))], b""),
        _ => {
            let mut steps = chunked([]);
            steps[1] = Step::Repeat(one_chunk(&[b'x'; 60_000]));
            steps
        }
    })
    .await;
    let fixture = reaching(limits, &server).await;
    let address = server.address().to_string();
    let request = |path: &str| json!([{ "authority": address, "path": path }]);
    let (seen, receipt) = send(&fixture, request("/v1/at")).await;
    assert_eq!(seen.unwrap()[0]["bytes"], 1_000);
    assert_eq!(
        receipt.http.response_bytes,
        u64::try_from(head + 1_000).unwrap()
    );
    for path in ["/v1/beyond", "/v1/headers", "/v1/endless"] {
        let (seen, receipt) = send(&fixture, request(path)).await;
        let text = seen.unwrap_err();
        assert!(
            text.contains("Exhausted") && text.contains("(http_response_bytes)"),
            "{path}: {text}"
        );
        assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted);
        assert_eq!(
            receipt.http.response_bytes,
            u64::try_from(head + 1_000).unwrap()
        );
    }
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn an_encoded_response_is_refused_before_its_body() {
    let server = WebDouble::start(|request| {
        let coding = request
            .line()
            .split(['/', ' '])
            .nth(3)
            .unwrap_or_default()
            .to_owned();
        let mut steps = answer("200 OK", &[("content-encoding", &coding)], b"");
        // The bomb itself is never asked for.
        steps.push(Step::Hang);
        steps
    })
    .await;
    let fixture = reaching(Limits::default(), &server).await;
    let address = server.address().to_string();
    for coding in ["gzip", "br", "deflate", "zstd"] {
        let path = format!("/v1/{coding}");
        let (seen, receipt) = one(&fixture, json!({ "authority": address, "path": path })).await;
        let error = seen["error"].as_str().unwrap();
        assert!(
            error.contains("HttpResponseContentCoding") && error.contains(coding),
            "{error}"
        );
        assert!(log(&receipt).contains("is encoded"), "{}", log(&receipt));
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    }
    fixture.neighbour_is_well().await;
}

#[tokio::test]
async fn a_server_that_says_nothing_keeps_a_guest_no_longer_than_it_wants_or_may_wait() {
    let server = WebDouble::start(|request| match request.line() {
        "GET /v1/head HTTP/1.1" => vec![Step::Hang],
        _ => vec![
            Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()),
            Step::Hang,
        ],
    })
    .await;
    let limits = Limits {
        tool_ms: 1_000,
        ..Limits::default()
    };
    let fixture = reaching(limits, &server).await;
    let address = server.address().to_string();
    let impatient = json!({ "authority": address, "path": "/v1/head", "first_byte_ms": 20 });
    let (seen, receipt) = one(&fixture, impatient).await;
    assert_eq!(seen["error"], "ErrorCode::DestinationUnavailable");
    assert!(
        log(&receipt).contains("no answer began within 20 ms"),
        "{}",
        log(&receipt)
    );
    // The host's own patience is 2 seconds here, and the call's time is over before.
    let patient =
        json!([{ "authority": address, "path": "/v1/body", "first_byte_ms": 86_400_000 }]);
    let (seen, receipt) = send(&fixture, patient).await;
    let text = seen.unwrap_err();
    assert!(
        text.contains("Exhausted") && text.contains("(tool_ms)"),
        "{text}"
    );
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted);
    fixture.neighbour_is_well().await;
}
