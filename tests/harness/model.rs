//! A double of a chat-completions server: a real HTTP server that answers as the OpenAI API's documentation
//! says, keeps every request with its headers, and misbehaves on request.
//!
//! It shares no code with the program under test. Answers are scripted, one a request; without one, it echoes what
//! the person said last, so that a newcomer can talk to it.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use agent_factory_tests::model::{ModelDouble, Reply};
//!
//! let model = ModelDouble::start().await;
//! model.script(Reply::words("Hello!"));
//! let body = serde_json::json!({ "model": "double", "messages": [] });
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/chat/completions", model.base_url()))
//!     .json(&body)
//!     .send()
//!     .await
//!     .unwrap();
//! assert!(answer.text().await.unwrap().contains("Hello!"));
//! assert_eq!(model.requests()[0].body["model"], "double");
//! # });
//! ```

mod reply;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::reply::{Call, Fault, Reply};

/// How long [`ModelDouble::await_requests`] waits before it fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, for example `/v1/chat/completions`.
    pub path: String,
    /// Header names in lower case, and their values.
    pub headers: BTreeMap<String, String>,
    /// The body; null where it was no JSON.
    pub body: Value,
}

/// What the server and the test share.
pub(crate) struct Shared {
    state: Mutex<State>,
    arrived: watch::Sender<usize>,
    /// Exchanges whose answer has been given up by the client or sent to its end.
    closed: watch::Sender<usize>,
    stopping: CancellationToken,
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    requests: Vec<Request>,
    /// The only key that is accepted; none accepts any, and none at all.
    key: Option<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running model server. Dropping it stops it.
pub struct ModelDouble {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<io::Result<()>>,
}

impl ModelDouble {
    /// Starts on a free port of this machine.
    ///
    /// # Panics
    /// When no port is free, or outside a tokio runtime.
    pub async fn start() -> Self {
        Self::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .expect("a free port")
    }

    /// Starts on `address`.
    ///
    /// # Errors
    /// Fails when the address cannot be listened on.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            arrived: watch::Sender::new(0),
            closed: watch::Sender::new(0),
            stopping: CancellationToken::new(),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Where it listens, as `ip:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes before `/chat/completions`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers the next request that has no answer yet; called again, the one after it.
    pub fn script(&self, reply: Reply) {
        self.shared.state().replies.push_back(reply);
    }

    /// From now on only this key is accepted; others get 401.
    pub fn accept_only(&self, key: &str) {
        self.shared.state().key = Some(key.to_owned());
    }

    /// Every request, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// Waits until at least `count` requests have arrived, and returns all there are.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn await_requests(&self, count: usize) -> Vec<Request> {
        let mut arrived = self.shared.arrived.subscribe();
        let waited = tokio::time::timeout(PATIENCE, arrived.wait_for(|seen| *seen >= count)).await;
        assert!(
            waited.is_ok(),
            "waited for {count} requests: {:#?}",
            self.requests()
        );
        self.requests()
    }

    /// Waits until `count` answers are over: sent to their end, or given up by the client.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn await_closed(&self, count: usize) {
        let mut closed = self.shared.closed.subscribe();
        let waited = tokio::time::timeout(PATIENCE, closed.wait_for(|seen| *seen >= count)).await;
        assert!(waited.is_ok(), "waited for the end of {count} answers");
    }

    /// Waits, as long as it takes, for requests beyond the first `seen`, and returns those.
    pub async fn requests_after(&self, seen: usize) -> Vec<Request> {
        let mut arrived = self.shared.arrived.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = arrived.wait_for(|count| *count > seen).await;
        self.requests().split_off(seen)
    }
}

impl Drop for ModelDouble {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.server.abort();
    }
}
