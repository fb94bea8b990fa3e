//! The HTTP API of a factory, served on a port of its own, and clients of it under any token.

use crate::factory::Factory;
use agent_factory::app::App;
use agent_factory::identity::{self, ApiToken, NewToken, TokenError, TokenScope};
use agent_factory::store::StoreError;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long any one answer may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// An API that is served; dropped, it stops.
pub struct Served {
    url: String,
    stop: CancellationToken,
    task: Option<JoinHandle<std::io::Result<()>>>,
}

/// Sends requests under one token, or under none.
#[derive(Clone)]
pub struct Client {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Content-Type`, `Retry-After` and the like.
    pub headers: reqwest::header::HeaderMap,
    /// The body; null where it is no JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The stable code of an error.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The body of an answer with this status.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }
}

impl Served {
    /// Serve `factory` on a port the system chooses.
    pub async fn start(factory: &Factory) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let serving = agent_factory::api::serve(listener, factory.app().api(stop.clone()));
        Self {
            url,
            stop,
            task: Some(tokio::spawn(serving)),
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::of(&self.url)
    }

    /// A client under this token.
    pub fn under(&self, token: &str) -> Client {
        self.anonymous().under(token)
    }

    /// A client under a new token of this scope, stored in the factory that is served.
    pub async fn client(&self, factory: &Factory, scope: TokenScope) -> Client {
        self.under(&token(factory.app(), scope).await)
    }

    /// A client of the operator's.
    pub async fn operator(&self, factory: &Factory) -> Client {
        self.client(factory, TokenScope::Operator).await
    }

    /// Begin to stop: no new connections, and what waits is answered.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stop, and wait for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("no panic").expect("a sound listener");
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Store a new token of this scope; its tenant must be there.
pub async fn token(app: &App, scope: TokenScope) -> String {
    let token_id = app.ids.token().expect("an id");
    let token = ApiToken::from_random(&scope, app.ids.bytes().expect("random bytes"));
    let secret = token.clone();
    let new = NewToken {
        scope,
        name: "test".to_owned(),
        expires_at: None,
    };
    let made: Result<(), TokenError> = app
        .db
        .write(move |tx| {
            Box::pin(async move { identity::token_put(tx, &token_id, &secret, &new).await })
        })
        .await;
    made.expect("a stored token");
    token.reveal().to_owned()
}

/// Make a tenant without anything.
pub async fn tenant(app: &App, tenant: &str) {
    let tenant = tenant.parse().expect("a tenant id");
    let made: Result<_, StoreError> = app
        .db
        .write(move |tx| Box::pin(async move { identity::tenant_put(tx, &tenant).await }))
        .await;
    made.expect("a stored tenant");
}

impl Client {
    /// Of the server at `url`, without a token.
    pub fn of(url: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Self {
            url: url.to_owned(),
            token: None,
            http: http.expect("an HTTP client"),
        }
    }

    /// The same under this token.
    #[must_use]
    pub fn under(self, token: &str) -> Self {
        let token = Some(token.to_owned());
        Self { token, ..self }
    }

    /// A request to be completed and [`Client::send`]t, for what the others do not do.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Send, and read the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.expect("a whole body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            body,
            text,
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with a body of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` with a body of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}
