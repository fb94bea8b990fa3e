//! The only place where parts are put together.

use crate::api::{self, Api};
use crate::artifacts::Admission;
use crate::clock::{Ids, NoRandomness};
use crate::config::{Config, ProviderKind};
use crate::control::{LocalControl, Policies};
use crate::egress::{Egress, Lookup, SystemLookup};
use crate::engine::{ArtifactSigner, Compiler, ComponentHost, HostError};
use crate::hydration;
use crate::leader::{self, Leadership, SingletonLoop};
use crate::maintenance::{self, ComponentPolicy, Components, Maintenance};
use crate::outbox;
use crate::queue;
use crate::queue::Priority;
use crate::reply::Telegram;
use crate::scrape::Scrape;
use crate::secrets::{MasterKey, MasterKeyError};
use crate::store::{ClockSource, Connections, Db, StoreError};
use crate::worker::{Settings, Worker};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Labels the signing key among those that follow from the master key.
const SIGNING_KEY: &str = "compiled components: ed25519 v1";

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// No usable database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No WebAssembly host on this machine.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No TLS.
    #[error("start the HTTP client")]
    Http(#[from] reqwest::Error),
    /// A provider that this version does not have.
    #[error(
        "provider.kind is {0:?}, but this version starts no workers: its worker runs in this process; set it to none"
    )]
    NoProvider(ProviderKind),
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// A control plane and a worker in one process.
pub struct App {
    /// Where everything is.
    pub db: Db,
    /// Ids for what this process makes.
    pub ids: Ids,
    /// What secrets are sealed with.
    pub master_key: Arc<MasterKey>,
    /// Checks and compiles components.
    pub admission: Arc<Admission>,
    scrape: Arc<Scrape>,
    config: Config,
    host: ComponentHost,
}

impl App {
    /// Open the database and start the WebAssembly host. Components are compiled by `program`, which is this
    /// program: `program compile-component`.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub async fn open(
        config: Config,
        clock: ClockSource,
        ids: Ids,
        program: PathBuf,
    ) -> Result<Self, StartError> {
        if config.provider.kind != ProviderKind::None {
            return Err(StartError::NoProvider(config.provider.kind));
        }
        let master_key = MasterKey::from_config(&config.secrets)?;
        let connections = Connections {
            readers: config.database.readers,
            writers: config.database.writers,
            sqlite_synchronous: config.database.sqlite_synchronous,
        };
        let db = Db::open(&config.database.url, connections, clock).await?;
        let signer = ArtifactSigner::from_seed(*master_key.derive(SIGNING_KEY));
        let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
        let egress = Egress::new(config.egress.clone(), &lookup)?;
        let host = ComponentHost::new(config.limits.clone(), signer.verifier(), egress)?;
        let compiler = Compiler {
            program,
            limits: config.limits.clone(),
        };
        let admission = Admission::new(db.clone(), compiler, signer, host.platform());
        let fresh_for = Duration::from_millis(config.metrics.fresh_ms);
        let admission = Arc::new(admission);
        Ok(Self {
            scrape: Arc::new(Scrape::new(db.clone(), host.platform(), fresh_for)),
            db,
            ids,
            master_key: Arc::new(master_key),
            admission,
            config,
            host,
        })
    }

    /// The effective configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The queue's policy, as configured.
    #[must_use]
    pub fn queue_policy(&self) -> queue::Policy {
        queue_policy(&self.config)
    }

    /// The control plane of this process, for a worker in it. Once `closing` is cancelled, claims that wait for work
    /// return with nothing.
    #[must_use]
    pub fn control(&self, closing: CancellationToken) -> LocalControl {
        let policies = Policies {
            queue: self.queue_policy(),
            outbox: outbox_policy(&self.config),
            hydration: hydration_policy(&self.config),
            kv_keys: self.config.limits.kv_keys,
            poll: Duration::from_millis(self.config.queue.poll_ms),
        };
        let master_key = Arc::clone(&self.master_key);
        LocalControl::new(
            self.db.clone(),
            self.ids.clone(),
            policies,
            master_key,
            closing,
        )
    }

    /// A worker in this process, to be run until `stop`.
    ///
    /// # Errors
    /// Where no HTTP client can be made, or no id.
    pub fn worker(&self, stop: &CancellationToken) -> Result<Worker, StartError> {
        let config = &self.config;
        let timeout = Duration::from_millis(config.telegram.send_timeout_ms);
        let telegram = Telegram::new(config.telegram.api_base.clone(), timeout)?;
        let settings = Settings {
            worker_id: self.ids.worker()?,
            pool: crate::domain::Pool::default(),
            slots: self.host.capacity().engine_slots,
            claim_max: config.queue.claim_batch_size,
            delivery_slots: config.outbox.batch,
            claim_wait: CLAIM_WAIT,
            heartbeat_every: config.lease.heartbeat(),
            drain: Duration::from_millis(config.server.shutdown_grace_ms),
            snapshots_max: config.hydration.snapshot_cache_entries,
        };
        Ok(Worker::with_metrics(
            settings,
            Arc::new(self.control(stop.clone())),
            self.host.clone(),
            telegram,
            self.db.metrics().clone(),
        ))
    }

    /// The HTTP API over this process's parts. Once `closing` is cancelled, requests that wait are answered.
    #[must_use]
    pub fn api(&self, closing: CancellationToken) -> Api {
        Api::new(api::Parts {
            db: self.db.clone(),
            ids: self.ids.clone(),
            config: self.config.clone(),
            queue_policy: self.queue_policy(),
            master_key: Arc::clone(&self.master_key),
            admission: Arc::clone(&self.admission),
            control: Arc::new(self.control(closing.clone())),
            scrape: self.scrape(),
            closing,
        })
    }

    /// Serve HTTP on `listener` until `stop`.
    ///
    /// # Errors
    /// Where the listener breaks.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        api::serve(listener, self.api(stop)).await
    }

    /// Stand for the lead of the singleton loops until `stop`, and run them while this process has it. Gives the lead up
    /// at the end: to be awaited before [`App::close`].
    ///
    /// # Errors
    /// Where no id can be made.
    pub fn lead(
        &self,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = ()> + use<>, StartError> {
        let lease = self.config.leader.lease();
        let holder = self.ids.leader()?;
        let leadership = Leadership::new(self.db.clone(), SINGLETONS, holder, lease);
        let maintenance = Maintenance::new(maintenance_policy(&self.config), self.ids.clone());
        let admission = Arc::clone(&self.admission);
        let components = Components::new(admission, component_policy(&self.config));
        let loops: Vec<Arc<dyn SingletonLoop>> = vec![Arc::new(maintenance), Arc::new(components)];
        Ok(leader::lead(leadership, loops, stop))
    }

    /// The page of `/metrics`; one for the process, since it bounds how often the queue is read.
    #[must_use]
    pub fn scrape(&self) -> Arc<Scrape> {
        Arc::clone(&self.scrape)
    }

    /// Close the database: what was handed to it is stored first.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// How long one claim of an in-process worker waits for work. It is woken by what this process commits.
const CLAIM_WAIT: Duration = Duration::from_secs(20);

/// The loops that are led together.
const SINGLETONS: &str = "singletons";

fn maintenance_policy(config: &Config) -> maintenance::Policy {
    let settings = &config.maintenance;
    maintenance::Policy {
        every: Duration::from_millis(settings.every_ms),
        batch: settings.batch,
        workers: Duration::from_millis(settings.workers_ms),
        snapshots: Duration::from_millis(settings.snapshots_ms),
        finished: Duration::from_millis(settings.finished_ms),
        receipts: Duration::from_millis(settings.receipts_ms),
        queue: queue_policy(config),
        outbox: outbox_policy(config),
    }
}

fn component_policy(config: &Config) -> ComponentPolicy {
    let settings = &config.maintenance;
    ComponentPolicy {
        every: Duration::from_millis(settings.components_ms),
        again_after: Duration::from_millis(settings.recompile_ms),
        unused: Duration::from_millis(settings.superseded_code_ms),
        unreferenced: Duration::from_millis(settings.unreferenced_ms),
        batch: settings.batch,
    }
}

fn queue_policy(config: &Config) -> queue::Policy {
    queue::Policy {
        default_priority: Priority::clamped(i64::from(config.queue.default_priority)),
        max_attempts: config.queue.max_attempts,
        max_crashes: config.queue.max_crashes,
        tenant_in_flight: config.queue.tenant_in_flight,
        retry: config.retry.clone(),
        lease: config.lease.lease(),
        lease_total: Duration::from_millis(config.lease.max_total_ms),
        promote_batch: config.queue.promote_batch,
        sweep_batch: config.queue.sweep_batch,
        max_payload_bytes: usize::try_from(config.queue.max_payload_bytes).unwrap_or(usize::MAX),
    }
}

fn outbox_policy(config: &Config) -> outbox::Policy {
    outbox::Policy {
        lease: Duration::from_millis(config.outbox.lease_ms),
        lease_total: Duration::from_millis(config.lease.max_total_ms),
        max_attempts: config.telegram.delivery_attempts_max,
        retry: config.retry.clone(),
        promote_batch: config.queue.promote_batch,
        sweep_batch: config.queue.sweep_batch,
    }
}

fn hydration_policy(config: &Config) -> hydration::Policy {
    let chars = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    hydration::Policy {
        document_chars_max: chars(config.hydration.document_chars_max),
        documents_chars_max_total: chars(config.hydration.documents_chars_max_total),
        memory_window_days: config.hydration.memory_window_days,
        history_messages: config.hydration.history_messages,
        history_bytes: config.hydration.history_bytes,
        default_limits: config.default_limits.0.clone(),
        ..hydration::Policy::default()
    }
}
