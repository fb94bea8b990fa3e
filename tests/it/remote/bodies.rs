//! How much a worker may send.

use super::{claim, factory};
use agent_factory::api::worker::{completion_bytes_max, request_bytes_max};
use agent_factory::control::Completion;
use agent_factory::control::requests::{CompleteRequest, LeaseRequest};
use serde::Serialize;

/// Post `request` with blanks behind it, so many bytes in all; the status.
async fn status(url: &str, token: &str, request: &impl Serialize, bytes: usize) -> u16 {
    let mut body = serde_json::to_vec(request).expect("JSON");
    body.resize(bytes, b' ');
    let client = reqwest::Client::new();
    let sending = client
        .post(url)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(body);
    sending.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_completion_is_taken_at_its_bound_and_refused_one_byte_beyond() {
    let factory = factory().await;
    factory.enqueue("ada", "chat", "echo hello").await;
    let lease = claim(&*factory.control(), "worker").await;
    let request = CompleteRequest {
        lease,
        completion: Completion::default(),
    };
    let remote = factory.remote().expect("a served factory");
    let url = format!("{}/v1/worker/complete", remote.url());
    let most = completion_bytes_max(&factory.app().config().limits);
    assert_eq!(status(&url, remote.token(), &request, most + 1).await, 413);
    assert_eq!(status(&url, remote.token(), &request, most).await, 204);
}

#[tokio::test]
async fn another_request_is_taken_at_its_bound_and_refused_one_byte_beyond() {
    let factory = factory().await;
    factory.enqueue("ada", "chat", "echo hello").await;
    let lease = claim(&*factory.control(), "worker").await;
    let remote = factory.remote().expect("a served factory");
    let url = format!("{}/v1/worker/hydrate", remote.url());
    let most = request_bytes_max(&factory.app().config().limits);
    let request = LeaseRequest { lease };
    assert_eq!(status(&url, remote.token(), &request, most + 1).await, 413);
    assert_eq!(status(&url, remote.token(), &request, most).await, 200);
}

#[tokio::test]
async fn all_that_a_turn_may_leave_behind_fits_into_a_completion() {
    // The worst text there is: every byte takes six in JSON.
    let limits = agent_factory::config::Limits::default();
    let bytes = usize::try_from(limits.append_bytes).expect("a length");
    let completion = Completion {
        memory: vec!["\u{1}".repeat(bytes)],
        ..Completion::default()
    };
    let written = serde_json::to_vec(&completion).expect("JSON");
    assert!(written.len() < completion_bytes_max(&limits));
}
