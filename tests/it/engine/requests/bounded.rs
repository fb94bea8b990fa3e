//! What a call's requests may take, and how long it waits for them.

use super::*;

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
    let (seen, _) = fixture
        .beside_a_neighbour(json!([{ "authority": "denied.example", "path": "/", "times": 4 }]))
        .await;
    assert!(seen.unwrap_err().contains("(http_calls)"));
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
    let (seen, receipt) = fixture.beside_a_neighbour(request(1_001)).await;
    let text = seen.unwrap_err();
    assert!(
        text.contains("Exhausted") && text.contains("(http_request_bytes)"),
        "{text}"
    );
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted);
    assert_eq!(server.requests().len(), 1, "nothing of the second was sent");
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
        let (seen, receipt) = fixture.beside_a_neighbour(request(path)).await;
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
        let (seen, receipt) = fixture
            .one_beside_a_neighbour(json!({ "authority": address, "path": path }))
            .await;
        let error = seen["error"].as_str().unwrap();
        assert!(
            error.contains("HttpResponseContentCoding") && error.contains(coding),
            "{error}"
        );
        assert!(log(&receipt).contains("is encoded"), "{}", log(&receipt));
        assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
    }
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
    let (seen, receipt) = fixture.beside_a_neighbour(patient).await;
    let text = seen.unwrap_err();
    assert!(
        text.contains("Exhausted") && text.contains("(tool_ms)"),
        "{text}"
    );
    assert_eq!(receipt.outcome, ReceiptOutcome::Exhausted);
}
