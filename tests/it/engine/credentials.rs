//! Credentials: the host adds them, and no guest sees one.

use super::requests::{Reaching, granted, log, one, seen};
use super::sources::{FixedClock, Memory, SeededRandom};
use agent_factory::config::Limits;
use agent_factory::domain::{HttpRules, ReceiptOutcome};
use agent_factory::engine::Sources;
use agent_factory_tests::web::{Received, Step, WebDouble, answer, chunked};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "s3cr\u{e9}t/+value?&=~\"1";

/// A skill with one credential for this server; the way it is sent is `way`.
async fn with_credential(server: &WebDouble, way: Value, secret: &str) -> Reaching {
    let mut reaching = Reaching::new(Limits::default(), server).await;
    let port = server.address().port();
    let rules: HttpRules = serde_json::from_value(json!({
        "allow": [
            { "host": "127.0.0.1", "methods": ["GET", "POST"], "path": "/v1", "port": port, "credential": "example" },
            { "host": "127.0.0.1", "methods": ["GET"], "path": "/public", "port": port },
        ],
        "credentials": { "example": { "secret": "example.token", "host": "127.0.0.1", "path": "/v1", "way": way } },
    }))
    .unwrap();
    reaching.fixture.grants = granted(rules);
    if !secret.is_empty() {
        let name = "example.token".parse().unwrap();
        let value = secret.to_owned().into();
        reaching.fixture.secrets.insert(name, value);
    }
    reaching
}

fn bearer() -> Value {
    json!({ "as": "header", "name": "authorization", "prefix": "Bearer " })
}

const PLAIN: &str = "s3cret-value-4711";

#[tokio::test]
async fn the_host_adds_a_credential_and_the_guest_never_sees_it() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    let request = json!({ "authority": address, "path": "/v1/x?q=1" });
    let fixture = with_credential(&server, bearer(), PLAIN).await;
    let (seen, receipt) = one(&fixture, request.clone()).await;
    assert_eq!(seen["status"], 200);
    assert_eq!(
        seen["own"],
        json!([]),
        "the guest's own request has no credential"
    );
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Bearer s3cret-value-4711")
    );
    assert!(!format!("{receipt:?}").contains(PLAIN));
    let (seen, _) = one(&fixture, json!({ "authority": address, "path": "/public" })).await;
    assert_eq!(seen["status"], 200);
    assert_eq!(server.requests()[1].header("authorization"), None);

    let fixture = with_credential(&server, json!({ "as": "query", "name": "key" }), PLAIN).await;
    let (seen, _) = one(&fixture, request.clone()).await;
    assert_eq!(
        server.requests()[2].line(),
        "GET /v1/x?q=1&key=s3cret-value-4711 HTTP/1.1"
    );
    assert_eq!(seen["body"], "GET /v1/x?q=1&key=[redacted] HTTP/1.1");

    let fixture = with_credential(&server, json!({ "as": "basic", "user": "me" }), PLAIN).await;
    fixture.one_beside_a_neighbour(request).await;
    assert_eq!(
        server.requests()[3].header("authorization"),
        Some("Basic bWU6czNjcmV0LXZhbHVlLTQ3MTE=")
    );
}

#[tokio::test]
async fn a_guest_that_sets_the_credentials_place_sends_nothing() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    let fixture = with_credential(&server, bearer(), PLAIN).await;
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        let request =
            json!({ "authority": address, "path": "/v1", "headers": [[name, "Bearer mine"]] });
        let (seen, receipt) = one(&fixture, request).await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied", "{name}");
        assert!(
            log(&receipt).contains("the host sets the header authorization"),
            "{}",
            log(&receipt)
        );
    }
    let fixture = with_credential(
        &server,
        json!({ "as": "header", "name": "x-api-key", "prefix": "" }),
        PLAIN,
    )
    .await;
    let request =
        json!({ "authority": address, "path": "/v1", "headers": [["X_Api_Key", "mine"]] });
    assert_eq!(
        one(&fixture, request).await.0["error"],
        "ErrorCode::HttpRequestDenied"
    );
    let fixture = with_credential(&server, json!({ "as": "query", "name": "key" }), PLAIN).await;
    let request = json!({ "authority": address, "path": "/v1?k%65y=mine" });
    assert_eq!(
        fixture.one_beside_a_neighbour(request).await.0["error"],
        "ErrorCode::HttpRequestDenied"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_credential_without_its_secret_tells_guest_and_author_what_to_import() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    // As where another tenant's secret is named: this one has none of that name.
    for (secret, told) in [
        ("", "there is no secret example.token"),
        ("short", "fewer than 8 bytes"),
    ] {
        let fixture = with_credential(&server, bearer(), secret).await;
        let (seen, receipt) = one(&fixture, json!({ "authority": address, "path": "/v1" })).await;
        let error = seen["error"].as_str().unwrap();
        for text in [error, &log(&receipt)] {
            assert!(text.contains(told), "{text}");
            assert!(
                text.contains("agent-factory secret import example.token"),
                "{text}"
            );
        }
        assert_eq!((receipt.http.calls, receipt.http.denied), (1, 1));
        let (seen, _) = one(&fixture, json!({ "authority": address, "path": "/public" })).await;
        assert_eq!(seen["status"], 200, "what needs no credential goes on");
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_skill_can_ask_whether_a_credential_is_there() {
    let server = WebDouble::friendly().await;
    for (secret, there) in [(PLAIN, true), ("", false)] {
        let fixture = with_credential(&server, bearer(), secret).await;
        let arguments = json!({ "requests": [], "credentials": ["example", "other", "No Name"] });
        let (told, _) = seen(
            fixture
                .turn(&format!("tool hostile__send {arguments}"))
                .await,
        );
        let expected =
            json!([{ "credential": there }, { "credential": false }, { "credential": false }]);
        assert_eq!(told.unwrap(), expected);
    }
}

/// All that a server can do with a header it was sent.
fn echo(request: &Received) -> Vec<Step> {
    use std::fmt::Write as _;
    let header = request.header("x-api-key").unwrap_or_default();
    let value = SECRET;
    assert_eq!(header, value, "what was sent");
    let base64 = |text: &str, url: bool| base64(text.as_bytes(), url);
    let hex = value.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text");
        text
    });
    let percent = |keep: &str, upper: bool| {
        value.bytes().fold(String::new(), |mut text, byte| {
            let plain = byte.is_ascii_alphanumeric() || keep.contains(char::from(byte));
            match (plain, upper) {
                (true, _) => text.push(char::from(byte)),
                (_, true) => write!(text, "%{byte:02X}").expect("a text"),
                (_, false) => write!(text, "%{byte:02x}").expect("a text"),
            }
            text
        })
    };
    let forms = [
        value.to_owned(),
        json!(value).to_string(),
        hex.to_uppercase(),
        hex,
        percent("-._~", true),
        percent("-._~", false),
        percent("-._~!'()*;,/?:@&=+$#", true),
        base64(value, false),
        base64(value, true),
        base64(&format!("a{value}"), false),
        base64(&format!("ab{value}b"), true),
        base64(&format!("abc{value}bcd"), false),
        base64(&format!("user:{value}"), false)
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D"),
    ];
    let body = forms.join("\n");
    match request.line() {
        "GET /v1/headers HTTP/1.1" => {
            let ascii: Vec<&String> = forms.iter().filter(|form| form.is_ascii()).collect();
            let headers: Vec<(String, &str)> = ascii
                .iter()
                .enumerate()
                .map(|(number, form)| (format!("x-form-{number}"), form.as_str()))
                .collect();
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, form)| (name.as_str(), *form))
                .collect();
            answer("401 Unauthorized", &headers, b"")
        }
        "GET /v1/bytes HTTP/1.1" => chunked(body.as_bytes().chunks(1)),
        "GET /v1/sevens HTTP/1.1" => chunked(body.as_bytes().chunks(7)),
        "GET /v1/broken HTTP/1.1" => {
            let half = &body.as_bytes()[..SECRET.len() / 2];
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            vec![Step::Write([head.as_bytes(), half].concat())]
        }
        _ => answer("200 OK", &[], body.as_bytes()),
    }
}

/// Written here, so that the test does not trust what it tests.
fn base64(bytes: &[u8], url: bool) -> String {
    let digits = if url {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| {
            (bits << 8) | u32::from(*group.get(at).unwrap_or(&0))
        });
        for digit in 0..4 {
            if digit <= group.len() {
                text.push(char::from(digits[(bits >> (18 - 6 * digit)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[tokio::test]
async fn a_credential_that_comes_back_is_redacted_in_every_form_and_however_it_is_cut() {
    let server = WebDouble::start(echo).await;
    let way = json!({ "as": "header", "name": "x-api-key", "prefix": "" });
    let mut fixture = with_credential(&server, way, SECRET).await;
    let memory = Arc::new(Memory::default());
    fixture.fixture.sources = Some(Sources {
        clock: Arc::new(FixedClock::at(Duration::from_secs(1_795_000_000))),
        random: Arc::new(SeededRandom::default()),
        recorder: memory.clone(),
    });
    let address = server.address().to_string();
    let (whole, receipt) = one(
        &fixture,
        json!({ "authority": address, "path": "/v1/whole" }),
    )
    .await;
    let body = whole["body"].as_str().unwrap();
    assert_eq!(body.matches("[redacted]").count(), 13, "{body}");
    // The first and last digits of base64 share bits with what is around the value; the rest is gone.
    for trace in [
        "s3cr", "value", "czNjc", "M2Ny", "dmFsdW", "73336372", "4711",
    ] {
        assert!(!body.contains(trace), "{trace}: {body}");
    }
    assert!(
        !whole["headers"].to_string().contains("content-length"),
        "a length that no longer holds is gone"
    );
    for path in ["/v1/bytes", "/v1/sevens"] {
        let (seen, _) = one(&fixture, json!({ "authority": address, "path": path })).await;
        assert_eq!(seen["body"], whole["body"], "{path}");
    }
    let (seen, _) = fixture
        .one_beside_a_neighbour(json!({ "authority": address, "path": "/v1/headers" }))
        .await;
    let headers = seen["headers"].to_string();
    assert_eq!(headers.matches("[redacted]").count(), 11, "{headers}");
    assert!(!format!("{receipt:?}").contains("s3cr"));
    // What is told to a recorder is what the guest saw.
    let told = memory.all();
    assert!(told.iter().any(|told| told.name == "wasi:http.body"));
    for told in told {
        let mut text = format!("{told:?}");
        if let ("wasi:http.body", Ok(Value::String(piece))) = (told.name, &told.answer) {
            let piece = STANDARD.decode(piece).unwrap();
            text.push_str(&String::from_utf8_lossy(&piece));
        }
        assert!(!text.contains("s3cr"), "{text}");
    }
}

#[tokio::test]
async fn half_a_credential_of_a_response_that_breaks_off_is_not_shown() {
    let server = WebDouble::start(|request| {
        let mut steps = echo(request);
        steps.push(Step::Hang);
        steps
    })
    .await;
    let way = json!({ "as": "header", "name": "x-api-key", "prefix": "" });
    let fixture = with_credential(&server, way, SECRET).await;
    let address = server.address().to_string();
    let (seen, receipt) = one(
        &fixture,
        json!({ "authority": address, "path": "/v1/broken" }),
    )
    .await;
    assert_eq!(seen["broke"], "incomplete HTTP response", "{seen}");
    assert_eq!(seen["body"], "");
    assert_eq!(receipt.outcome, ReceiptOutcome::Ok);
}

#[tokio::test]
async fn a_guest_that_knows_a_secret_cannot_send_it_anywhere() {
    let server = WebDouble::friendly().await;
    let address = server.address().to_string();
    let fixture = with_credential(&server, bearer(), PLAIN).await;
    let encoded = base64(PLAIN.as_bytes(), false);
    for request in [
        json!({ "authority": address, "path": format!("/public?q={PLAIN}") }),
        json!({ "authority": address, "path": format!("/public/{PLAIN}") }),
        json!({ "authority": address, "path": "/public", "headers": [["x", format!("a {encoded} b")]] }),
        json!({ "authority": address, "path": "/v1", "method": "POST", "body": format!("{{\"k\":\"{PLAIN}\"}}") }),
        json!({ "authority": address, "path": "/v1", "method": "POST", "body": encoded }),
    ] {
        let (seen, receipt) = one(&fixture, request).await;
        assert_eq!(seen["error"], "ErrorCode::HttpRequestDenied");
        assert!(
            log(&receipt).contains("the value of a secret is in it"),
            "{}",
            log(&receipt)
        );
        assert!(!log(&receipt).contains(PLAIN) && !log(&receipt).contains(&encoded));
        assert_eq!(receipt.http.denied, 1);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn what_a_skill_puts_together_is_redacted_before_the_engine_hears_it() {
    // One half an answer: no response has the whole value, and the guest shows both in one output.
    let server = WebDouble::start(|request| {
        let (first, second) = PLAIN.split_at(PLAIN.len() / 2);
        let half = if request.line().contains("first") {
            first
        } else {
            second
        };
        answer("200 OK", &[], half.as_bytes())
    })
    .await;
    let address = server.address().to_string();
    let fixture = with_credential(&server, bearer(), PLAIN).await;
    let arguments = json!({ "join": true, "requests": [
        { "authority": address, "path": "/v1/first" },
        { "authority": address, "path": "/v1/second" },
    ]});
    let (told, _) = seen(
        fixture
            .turn(&format!("tool hostile__send {arguments}"))
            .await,
    );
    let told = told.unwrap();
    assert_eq!(told[0]["body"], "s3cret-v", "half a value is no value");
    assert_eq!(told[1]["body"], "alue-4711");
    assert_eq!(told[2]["joined"], "[redacted]");
}
