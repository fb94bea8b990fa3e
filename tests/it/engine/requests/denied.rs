//! Requests that are not sent, and what their authors are told.

use super::*;

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
        let (seen, receipt) = fixture.one_beside_a_neighbour(request).await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
        let log = log(&receipt);
        assert!(log.contains(&lines), "{log}");
        assert!(!log.contains("hunter2"), "a query is not logged: {log}");
        assert_eq!((receipt.http.calls, receipt.http.denied), (1, 1));
    }
    assert!(server.requests().is_empty());
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
        let (seen, receipt) = fixture
            .one_beside_a_neighbour(json!({ "authority": address, "path": path }))
            .await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied", "{path}");
        assert!(
            log(&receipt).contains("[[http.deny]]\nhost = \"127.0.0.1\"\npath = \"/v1/admin\"")
        );
    }
    assert_eq!(server.requests().len(), 1);
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
        let (seen, _) = fixture
            .one_beside_a_neighbour(
                json!({ "authority": address, "path": "/v1", "method": method }),
            )
            .await;
        assert!(seen["status"].is_null(), "{method}: {seen}");
    }
    assert_eq!(server.requests().len(), 3);
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
    let (seen, _) = fixture.one_beside_a_neighbour(trailers).await;
    assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
    assert!(server.requests().is_empty());
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
    let (seen, receipt) = fixture.one_beside_a_neighbour(follow("/v1/metadata")).await;
    assert_eq!(seen["followed"]["error"], "ErrorCode::HttpRequestDenied");
    assert!(
        log(&receipt).contains("host = \"169.254.169.254\""),
        "{}",
        log(&receipt)
    );
    assert_eq!((receipt.http.calls, receipt.http.denied), (2, 1));
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
