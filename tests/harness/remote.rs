//! Workers that reach a factory over HTTP, in the test's own process: real sockets, real requests.

use crate::api;
use agent_factory::app::App;
use agent_factory::clock::Ids;
use agent_factory::config::Config;
use agent_factory::control::ControlPlane;
use agent_factory::domain::{Pool, SecretValue};
use agent_factory::egress::{Egress, Lookup, SystemLookup};
use agent_factory::engine::{ArtifactVerifier, ComponentHost};
use agent_factory::identity::TokenScope;
use agent_factory::remote::{Addresses, ArtifactCache, Joined, RemoteControl, RemoteSettings};
use agent_factory::reply::Telegram;
use agent_factory::worker::{Settings, Worker};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A control plane that is served, a worker token, and a worker that has joined.
pub struct Remote {
    url: String,
    token: String,
    stop: CancellationToken,
    cache: tempfile::TempDir,
    control: Arc<dyn ControlPlane>,
}

impl Remote {
    /// Serve `app`, and join the default pool.
    pub async fn start(app: &App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        tokio::spawn(agent_factory::api::serve(listener, app.api(stop.clone())));
        let token = token(app, "default").await;
        let cache = tempfile::tempdir().expect("a temporary folder");
        let joined = join(&url, &token, cache.path(), CancellationToken::new()).await;
        Self {
            url,
            token,
            stop,
            cache,
            control: joined.control,
        }
    }

    /// Where the control plane is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token of its workers.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where its workers keep components.
    pub fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// The control plane as the worker that has joined reaches it.
    pub fn control(&self) -> Arc<dyn ControlPlane> {
        Arc::clone(&self.control)
    }

    /// A worker, from its joining to its end.
    pub fn work(&self, app: &App, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let (url, token, cache) = (
            self.url.clone(),
            self.token.clone(),
            self.cache.path().to_owned(),
        );
        let config = app.config().clone();
        async move {
            let joined = join(&url, &token, &cache, stop.clone()).await;
            worker(&config, joined).run(stop).await;
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A new worker token for a pool.
pub async fn token(app: &App, pool: &str) -> String {
    let pool: Pool = pool.parse().expect("a pool");
    api::token(app, TokenScope::Worker { pool }).await
}

/// Join as a new worker.
pub async fn join(url: &str, token: &str, cache: &Path, stop: CancellationToken) -> Joined {
    let cache = ArtifactCache::open(cache, 1 << 30).expect("a cache");
    let remote = Arc::new(remote(url, token));
    let joined = remote.join(Ids::system(), cache, stop).await;
    joined.unwrap_or_else(|error| panic!("a worker that joins: {error}"))
}

/// A way to control planes for a new worker.
pub fn remote(urls: &str, token: &str) -> RemoteControl {
    let settings = RemoteSettings {
        addresses: Addresses::parse(urls, false).expect("addresses"),
        token: SecretValue::from(token.to_owned()),
        worker_id: Ids::system().worker().expect("an id"),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(60),
        artifact_max: 1 << 30,
    };
    RemoteControl::new(settings).expect("a client")
}

/// A component host that trusts what `trust` vouches for.
pub fn host(config: &Config, trust: ArtifactVerifier) -> ComponentHost {
    let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
    let egress = Egress::new(config.egress.clone(), &lookup).expect("a way out");
    ComponentHost::new(config.limits.clone(), trust, egress).expect("a host")
}

fn worker(config: &Config, joined: Joined) -> Worker {
    let host = host(config, joined.trust);
    let timeout = Duration::from_millis(config.telegram.send_timeout_ms);
    let telegram = Telegram::new(config.telegram.api_base.clone(), timeout).expect("a client");
    let settings = Settings {
        worker_id: joined.worker_id,
        pool: joined.pool,
        slots: config.limits.engine_slots,
        claim_max: config.queue.claim_batch_size,
        delivery_slots: config.outbox.batch,
        claim_wait: Duration::from_secs(20),
        heartbeat_every: joined.heartbeat_every,
        drain: Duration::ZERO,
        snapshots_max: 64,
    };
    Worker::new(settings, joined.control, host, telegram)
}
