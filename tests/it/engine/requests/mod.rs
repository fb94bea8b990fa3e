//! Requests of a skill to the network: what is sent, what is denied, and what it leaves in the receipt.

mod bounded;
mod denied;

use crate::engine::fixture::{Fixture, egress, egress_by, egress_to};
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

    /// What became of these requests, while a neighbour on the same host was served.
    pub(crate) async fn beside_a_neighbour(
        &self,
        requests: Value,
    ) -> (Result<Value, String>, Receipt) {
        let hostile = self.fixture.clone();
        let running = tokio::spawn(async move { send(&hostile, requests).await });
        let mut served = 0;
        while served < 3 || !running.is_finished() {
            self.neighbour_is_well().await;
            served += 1;
        }
        running.await.expect("the host does not break")
    }

    /// One request, likewise.
    pub(crate) async fn one_beside_a_neighbour(&self, request: Value) -> (Value, Receipt) {
        let (answer, receipt) = self.beside_a_neighbour(json!([request])).await;
        (answer.expect("an answer")[0].clone(), receipt)
    }

    /// The call of another skill on the same host, with a server and limits of its own, is answered as ever.
    async fn neighbour_is_well(&self) {
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
