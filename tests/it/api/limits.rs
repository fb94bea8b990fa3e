//! What one request, one caller and all of them together may take.

use agent_factory::identity::TokenScope;
use agent_factory_tests::api::{Answer, Client, Served, token};
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request to make a token, whose body stops short of its last byte.
async fn half_a_request(served: &Served, token: &str) -> TcpStream {
    let address = served.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST /v1/tokens HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{{\"scope\":\"operator\""
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a sent request");
    stream
}

async fn rest_of(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// Ask until the answer is `wanted`: until another request has arrived, or has gone.
async fn until(client: &Client, path: &str, wanted: u16) -> Answer {
    loop {
        let answer = client.get(path).await;
        if answer.status == wanted {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_body_is_taken_at_the_bound_and_refused_one_byte_beyond() {
    let settings = [
        ("server.body_bytes_max", "1024"),
        ("queue.max_payload_bytes", "1024"),
    ];
    let factory = Factory::with(&settings).await;
    let served = Served::start(&factory).await;
    let operator = served.operator(&factory).await;
    for (length, status) in [(1024, 201), (1025, 413)] {
        let body = format!("{:length$}", r#"{"scope":"operator"}"#);
        assert_eq!(body.len(), length);
        let request = operator.request(Method::POST, "/v1/tokens");
        let request = request
            .header("Content-Type", "application/json")
            .body(body);
        let answer = operator.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        if status == 413 {
            assert_eq!(answer.code(), "too_large");
        }
    }
}

#[tokio::test]
async fn headers_are_taken_at_the_bound_and_refused_one_byte_beyond() {
    let factory = Factory::with(&[("server.header_bytes_max", "8192")]).await;
    let served = Served::start(&factory).await;
    let client = served.anonymous();
    let padded = async |length: usize| {
        let request = client.request(Method::GET, "/healthz");
        client
            .send(request.header("x-pad", "x".repeat(length)))
            .await
    };
    let refused = padded(10_000).await;
    assert_eq!((refused.status, refused.code()), (431, "headers_too_large"));
    let words = refused.body["error"]["message"].as_str().expect("words");
    let bytes = words
        .split_whitespace()
        .find_map(|word| word.parse::<usize>().ok());
    let others = bytes.expect("a number") - 10_000;
    assert_eq!(padded(8192 - others).await.status, 200);
    assert_eq!(padded(8193 - others).await.status, 431);
}

#[tokio::test]
async fn a_token_is_refused_beyond_its_rate_and_another_is_not() {
    let settings = [("server.rate_per_second", "1"), ("server.rate_burst", "3")];
    let factory = Factory::with(&settings).await;
    let served = Served::start(&factory).await;
    let operator = served.operator(&factory).await;
    for _ in 0..3 {
        operator.get("/v1/tenants").await.expect(200);
    }
    let refused = until(&operator, "/v1/tenants", 429).await;
    assert_eq!(refused.code(), "rate_limited");
    assert_eq!(refused.headers["retry-after"], "1");
    served
        .operator(&factory)
        .await
        .get("/v1/tenants")
        .await
        .expect(200);
}

#[tokio::test]
async fn attempts_without_a_token_are_told_to_wait_and_a_good_token_beside_them_is_not() {
    let factory = Factory::with(&[("server.auth_failures_per_minute", "2")]).await;
    let served = Served::start(&factory).await;
    let guess = served.under(&format!("aft_o_{}", "0".repeat(64)));
    assert_eq!(guess.get("/v1/tenants").await.status, 401);
    assert_eq!(served.anonymous().get("/v1/tenants").await.status, 401);
    let refused = until(&guess, "/v1/tenants", 429).await;
    assert!(refused.headers.contains_key("retry-after"));
    served
        .operator(&factory)
        .await
        .get("/v1/tenants")
        .await
        .expect(200);
}

#[tokio::test]
async fn one_request_more_than_there_is_room_for_is_told_to_come_back() {
    let factory = Factory::with(&[("server.concurrency_max", "1")]).await;
    let served = Served::start(&factory).await;
    let operator = token(factory.app(), TokenScope::Operator).await;
    let client = served.under(&operator);
    let mut first = half_a_request(&served, &operator).await;
    let refused = until(&client, "/v1/tenants", 503).await;
    assert_eq!(refused.code(), "overloaded");
    assert!(refused.headers.contains_key("retry-after"));
    client.get("/healthz").await.expect(200);
    first.write_all(b"}").await.expect("the rest");
    assert!(rest_of(first).await.starts_with("HTTP/1.1 201"));
    until(&client, "/v1/tenants", 200).await;
}

#[tokio::test]
async fn those_who_wait_keep_nobody_else_out() {
    let settings = [("server.concurrency_max", "1"), ("server.waits_max", "1")];
    let factory = Factory::with(&settings).await;
    let served = Served::start(&factory).await;
    let operator = served.operator(&factory).await;
    factory
        .agent("acme", "offline", &built::demo_workspace())
        .await;
    let message = factory.enqueue("acme", "c", "hello").await;
    let path = format!("/v1/tenants/acme/messages/{message}");
    let (client, waiting) = (operator.clone(), format!("{path}?waitMs=30000"));
    let first = tokio::spawn(async move { client.get(&waiting).await });
    let refused = until(&operator, &path, 503).await;
    assert_eq!(refused.code(), "overloaded");
    operator.get("/v1/tenants").await.expect(200);
    // A process that stops answers who waits.
    served.stop().await;
    let answered = first.await.expect("no panic").expect(200);
    assert_eq!(answered["status"], "queued");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_ended() {
    let settings = [
        ("server.request_timeout_ms", "100"),
        ("queue.poll_ms", "10"),
    ];
    let factory = Factory::with(&settings).await;
    let served = Served::start(&factory).await;
    let operator = token(factory.app(), TokenScope::Operator).await;
    let first = half_a_request(&served, &operator).await;
    let answer = rest_of(first).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("timed_out"), "{answer}");
}

#[tokio::test]
async fn a_process_that_stops_is_not_ready() {
    let factory = Factory::new().await;
    let served = Served::start(&factory).await;
    assert_eq!(
        served.anonymous().get("/readyz").await.expect(200),
        json!({ "ready": true })
    );
    let stopping = tokio_util::sync::CancellationToken::new();
    let (router, _) = agent_factory::api::router(factory.app().api(stopping.clone()));
    stopping.cancel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/readyz",
        listener.local_addr().expect("an address")
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let answer = reqwest::get(url).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "not_ready");
    assert!(
        body["error"]["message"]
            .as_str()
            .expect("words")
            .contains("stopping")
    );
}
