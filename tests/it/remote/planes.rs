//! Several control planes, and those that are none.

use super::{asking, claim, factory};
use agent_factory::clock::Ids;
use agent_factory::control::ControlError;
use agent_factory::identity;
use agent_factory::remote::{ArtifactCache, RemoteControl};
use agent_factory::store::StoreError;
use agent_factory_tests::remote::{join, remote};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A server that answers everything the same way.
async fn answering(status: StatusCode, location: Option<String>, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = any(async move || {
        let mut response = (status, body.clone()).into_response();
        if let Some(location) = &location {
            let location = location.parse().expect("a header");
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    });
    let app = Router::new().fallback_service(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn joining(control: RemoteControl) -> Result<(), ControlError> {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = ArtifactCache::open(folder.path(), 1 << 20).expect("a cache");
    let control = Arc::new(control);
    let joined = control.join(Ids::system(), cache, CancellationToken::new());
    joined.await.map(drop)
}

fn unavailable(outcome: Result<(), ControlError>) -> String {
    match outcome {
        Err(ControlError::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_go_to_the_next_control_plane_when_one_does_not_answer() {
    let factory = factory().await;
    factory.enqueue("ada", "chat", "echo hello").await;
    let served = factory.remote().expect("a served factory");
    let failing = answering(StatusCode::BAD_GATEWAY, None, b"try later".to_vec()).await;
    let urls = format!("{},{failing},{}", nobody().await, served.url());
    let stop = CancellationToken::new();
    let joined = join(&urls, served.token(), served.cache(), stop).await;
    let lease = claim(&*joined.control, "worker").await;
    joined.control.hydrate(&lease).await.expect("a bundle");
}

#[tokio::test]
async fn where_no_control_plane_answers_the_worker_is_told_so() {
    let urls = format!("{},{}", nobody().await, nobody().await);
    let reason = unavailable(joining(remote(&urls, "aft_w_0")).await);
    assert!(reason.contains("no connection"), "{reason}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_since_the_token_would_go_along() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = format!("http://{}/", listener.local_addr().expect("an address"));
    let app = Router::new().fallback(async || ASKED.fetch_add(1, Ordering::Relaxed).to_string());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let url = answering(StatusCode::TEMPORARY_REDIRECT, Some(elsewhere), Vec::new()).await;
    unavailable(joining(remote(&url, "aft_w_0")).await);
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let body = vec![b' '; (64 << 20) + 1];
    let url = answering(StatusCode::OK, None, body).await;
    let reason = unavailable(joining(remote(&url, "aft_w_0")).await);
    assert!(reason.contains("more than"), "{reason}");
}

#[tokio::test]
async fn a_revoked_token_is_noticed_after_some_refusals_and_not_at_the_first() {
    let factory = factory().await;
    let served = factory.remote().expect("a served factory");
    let stop = CancellationToken::new();
    let joined = join(served.url(), served.token(), served.cache(), stop).await;
    let revoked: Result<(), StoreError> = factory
        .db()
        .write(move |tx| {
            Box::pin(async move {
                for token in identity::tokens(tx, None, None, 9).await? {
                    identity::token_revoke(tx, &token.token_id).await?;
                }
                Ok(())
            })
        })
        .await;
    revoked.expect("revoked tokens");
    for _ in 0..4 {
        let refused = joined.control.claim(asking("worker")).await;
        assert!(
            matches!(refused, Err(ControlError::Unavailable(_))),
            "{refused:?}"
        );
        assert!(!joined.refused.is_cancelled());
    }
    joined.control.claim(asking("worker")).await.unwrap_err();
    assert!(joined.refused.is_cancelled());
}

#[tokio::test]
async fn a_token_of_another_scope_is_refused() {
    let factory = factory().await;
    let served = factory.remote().expect("a served factory");
    let operator = agent_factory::identity::TokenScope::Operator;
    let token = agent_factory_tests::api::token(factory.app(), operator).await;
    let reason = unavailable(joining(remote(served.url(), &token)).await);
    assert!(reason.contains("scope worker"), "{reason}");
}
