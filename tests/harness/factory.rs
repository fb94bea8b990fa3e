//! A whole factory in the test's own process: control plane, worker, and any number of tenants.

use crate::remote::Remote;
use crate::{built, on_either, postgres};
use agent_factory::app::App;
use agent_factory::clock::Ids;
use agent_factory::config::{Config, DatabaseUrl};
use agent_factory::control::ControlPlane;
use agent_factory::domain::{
    AgentKey, AgentModels, Channel, ConversationId, MessageId, Payload, Pool, Provider, SecretRef,
    SecretValue, TenantId,
};
use agent_factory::engine::ComponentKind;
use agent_factory::outbox;
use agent_factory::queue::{self, Enqueue, EnqueueError, MessageState, MessageStatus};
use agent_factory::secrets::{self, SecretError};
use agent_factory::store::{ClockSource, Db, StoreError, Topic};
use agent_factory::workspace::{
    self, AdmittedSkill, Agent, Bounds, Import, Workspace, WorkspaceError,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The master key of every test.
pub(crate) const MASTER_KEY: &str =
    "7e57000000000000000000000000000000000000000000000000000000007e57";

/// A control plane on a database of its own, with a clock the test sets and the same ids in every run.
pub struct Factory {
    app: App,
    /// How workers reach the control plane: over HTTP; none: in this process.
    remote: Option<Remote>,
    url: String,
    _folder: Option<tempfile::TempDir>,
    _database: Option<postgres::Database>,
}

/// A worker, or a candidate for the lead, at work; dropped, it stops.
pub struct AtWork {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Factory {
    /// With these settings over the defaults: `("limits.turn_ms", "1000")`.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("factory.db").display());
        Self {
            app: open(&url, settings, 1).await,
            remote: None,
            url,
            _folder: Some(folder),
            _database: None,
        }
    }

    /// Another process on the same database: nothing is cached in it, and it has no program to compile with.
    pub async fn cold(&self) -> Self {
        self.cold_as(2).await
    }

    /// The same, with ids of its own.
    pub async fn cold_as(&self, seed: u64) -> Self {
        let config = self.app.config().clone();
        let none = "/nonexistent/agent-factory".into();
        let app = App::open(config, ClockSource::Test, Ids::seeded(seed), none);
        Self {
            app: app.await.expect("a factory"),
            remote: None,
            url: self.url.clone(),
            _folder: None,
            _database: None,
        }
    }

    /// With the defaults, on PostgreSQL; none where there is no server.
    pub async fn postgres() -> Option<Self> {
        Self::postgres_with(&[]).await
    }

    /// With these settings over the defaults, on PostgreSQL; none where there is no server.
    pub async fn postgres_with(settings: &[(&str, &str)]) -> Option<Self> {
        let database = postgres::Database::create().await?;
        let url = database.url().to_owned();
        Some(Self {
            app: open(&url, settings, 1).await,
            remote: None,
            url,
            _folder: None,
            _database: Some(database),
        })
    }

    /// Another control plane on the same database, with ids of its own. To be dropped before this one.
    pub async fn another(&self, settings: &[(&str, &str)], seed: u64) -> Self {
        Self {
            app: open(&self.url, settings, seed).await,
            remote: None,
            url: self.url.clone(),
            _folder: None,
            _database: None,
        }
    }

    /// With the defaults.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// On the database at `url` with the database's own clock, beside other processes.
    pub async fn of_processes(url: &str, settings: &[(&str, &str)]) -> Self {
        Self {
            app: open_with(url, settings, ClockSource::Database, Ids::system()).await,
            remote: None,
            url: url.to_owned(),
            _folder: None,
            _database: None,
        }
    }

    /// With the defaults, its workers apart from it: they reach it over HTTP, through a real socket.
    pub async fn http() -> Self {
        Self::http_with(&[]).await
    }

    /// As [`Factory::http`], with these settings over the defaults.
    pub async fn http_with(settings: &[(&str, &str)]) -> Self {
        let mut factory = Self::with(settings).await;
        factory.remote = Some(Remote::start(&factory.app).await);
        factory
    }

    /// The way its workers take, where they are apart from it.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// The application itself.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.app.db
    }

    /// The control plane, as a worker reaches it.
    pub fn control(&self) -> Arc<dyn ControlPlane> {
        match &self.remote {
            Some(remote) => remote.control(),
            None => Arc::new(self.app.control(CancellationToken::new())),
        }
    }

    /// An agent `default` of this tenant: a guest as its engine, and the workspace in `folder`.
    pub async fn agent(&self, tenant: &str, engine: &str, folder: &Path) {
        self.agent_with(tenant, engine, folder, AgentModels::default())
            .await;
    }

    /// The same with these models.
    pub async fn agent_with(&self, tenant: &str, engine: &str, folder: &Path, models: AgentModels) {
        let bounds = Bounds::of(self.app.config());
        let Workspace { documents, skills } =
            workspace::read(folder, &bounds).expect("a workspace");
        let engine_bytes = built::guest_bytes(engine);
        let admission = &self.app.admission;
        admission
            .admit(ComponentKind::Engine, engine_bytes.clone())
            .await
            .expect("an engine");
        let mut admitted = Vec::new();
        for folder in skills {
            let tools = match folder.component_bytes() {
                Some(bytes) => {
                    let skill = admission.admit(ComponentKind::Skill, bytes.to_vec()).await;
                    skill.expect("a skill").tools
                }
                None => Vec::new(),
            };
            admitted.push(AdmittedSkill { folder, tools });
        }
        let agent = Agent {
            tenant_id: tenant.parse().expect("a tenant id"),
            agent_key: agent_key(),
            pool: Pool::default(),
            engine_name: engine.to_owned(),
            engine: engine_bytes,
            time_zone: "UTC".to_owned(),
            runtime_config: BTreeMap::new(),
            secrets_ref: Vec::new(),
            models,
        };
        let import = Import {
            agent,
            documents,
            skills: admitted,
        };
        let imported: Result<_, WorkspaceError> = self
            .db()
            .write(move |tx| Box::pin(async move { workspace::import(tx, &bounds, &import).await }))
            .await;
        imported.expect("an import");
    }

    /// The same factory on the same database, whose operator has listed these private addresses.
    pub async fn allowing(self, addresses: &[SocketAddr]) -> Self {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let url = self.app.config().database.url.clone();
        let url = match &url {
            DatabaseUrl::Postgres(url) => url.reveal().to_owned(),
            DatabaseUrl::Sqlite(_) => url.to_string(),
        };
        let Self {
            app,
            remote: _,
            url: _,
            _folder,
            _database,
        } = self;
        app.close().await;
        Self {
            app: open(&url, &[("egress.allow_private", &list.join(","))], 1).await,
            remote: None,
            url,
            _folder,
            _database,
        }
    }

    /// Import a secret of a tenant's.
    pub async fn import_secret(&self, tenant: &str, name: &str, value: &str) {
        let tenant: TenantId = tenant.parse().expect("a tenant id");
        let name: SecretRef = name.parse().expect("a secretRef");
        let value: SecretValue = serde_json::from_value(value.into()).expect("a secret");
        let value = value.into_inner();
        let (key, nonce) = (
            self.app.master_key.clone(),
            self.app.ids.bytes().expect("bytes"),
        );
        let imported: Result<_, SecretError> = self
            .db()
            .write(move |tx| {
                Box::pin(
                    async move { secrets::import(tx, &key, &tenant, &name, &value, nonce).await },
                )
            })
            .await;
        imported.expect("an imported secret");
    }

    /// Resume the held agent of a tenant.
    pub async fn resume(&self, tenant: &str) {
        let tenant: TenantId = tenant.parse().expect("a tenant id");
        let policy = self.app.queue_policy();
        let resumed: Result<_, StoreError> = self
            .db()
            .write(move |tx| {
                Box::pin(async move { queue::resume(tx, &policy, &tenant, &agent_key()).await })
            })
            .await;
        resumed.expect("a resumed agent");
    }

    /// All receipts, as they are stored.
    pub async fn receipts(&self) -> Vec<String> {
        let receipts: Result<_, StoreError> = self
            .db()
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT receipt FROM receipts ORDER BY message_id, fence, ordinal";
                    Ok(on_either!(tx, |conn| sqlx::query_scalar(sql)
                        .fetch_all(conn)
                        .await)?)
                })
            })
            .await;
        receipts.expect("receipts")
    }

    /// Start a worker.
    pub fn work(&self) -> AtWork {
        let stop = CancellationToken::new();
        let task = match &self.remote {
            Some(remote) => tokio::spawn(remote.work(&self.app, stop.clone())),
            None => {
                let worker = self.app.worker(&stop).expect("a worker");
                let stopping = stop.clone();
                tokio::spawn(async move { worker.run(stopping).await })
            }
        };
        AtWork {
            stop,
            task: Some(task),
        }
    }

    /// Stand for the lead of the singleton loops.
    pub fn lead(&self) -> AtWork {
        let stop = CancellationToken::new();
        let leading = self.app.lead(stop.clone()).expect("an id");
        AtWork {
            stop,
            task: Some(tokio::spawn(leading)),
        }
    }

    /// Store a message whose reply is kept for the asker.
    pub async fn enqueue(&self, tenant: &str, conversation: &str, text: &str) -> MessageId {
        let message_id = self.app.ids.message().expect("an id");
        let enqueue = Enqueue {
            tenant_id: tenant.parse().expect("a tenant id"),
            conversation_id: conversation
                .parse::<ConversationId>()
                .expect("a conversationId"),
            agent_key: agent_key(),
            payload: Payload {
                provider: Provider::Api,
                provider_user_id: "tester".to_owned(),
                message_text: text.to_owned(),
                external_message_id: None,
                reply_to: Channel::Api,
                metadata: BTreeMap::new(),
            },
            priority: None,
            scheduled_for: None,
            max_attempts: None,
            source: "test".to_owned(),
            source_id: None,
            trace_id: self.app.ids.trace().expect("an id"),
        };
        let (policy, id) = (self.app.queue_policy(), message_id.clone());
        let enqueued: Result<_, EnqueueError> = self
            .db()
            .write(move |tx| {
                Box::pin(async move { queue::enqueue(tx, &policy, &enqueue, id).await })
            })
            .await;
        enqueued.expect("an accepted message");
        message_id
    }

    /// What can be said of a message.
    pub async fn status(&self, tenant: &str, message: &MessageId) -> MessageStatus {
        let (tenant, message): (TenantId, _) =
            (tenant.parse().expect("a tenant id"), message.clone());
        let status: Result<_, StoreError> = self
            .db()
            .read(move |tx| {
                Box::pin(async move { queue::message_status(tx, &tenant, &message).await })
            })
            .await;
        status.expect("an answer").expect("a message")
    }

    /// Wait until `wanted` says so of a message.
    pub async fn await_status(
        &self,
        tenant: &str,
        message: &MessageId,
        wanted: impl Fn(&MessageStatus) -> bool,
    ) -> MessageStatus {
        let mut settled = self.db().signals().listen(Topic::Settled);
        let mut queued = self.db().signals().listen(Topic::Queue);
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let status = self.status(tenant, message).await;
                if wanted(&status) {
                    return status;
                }
                tokio::select! {
                    () = settled.changed(PATIENCE) => (),
                    () = queued.changed(PATIENCE) => (),
                }
            }
        });
        match waited.await {
            Ok(status) => status,
            Err(_) => panic!("it stays {:?}", self.status(tenant, message).await),
        }
    }

    /// The replies to a message, joined.
    pub async fn reply(&self, tenant: &str, message: &MessageId) -> String {
        let (tenant, message): (TenantId, _) =
            (tenant.parse().expect("a tenant id"), message.clone());
        let replies: Result<_, StoreError> = self
            .db()
            .read(move |tx| {
                Box::pin(async move { outbox::replies_of(tx, &tenant, &message).await })
            })
            .await;
        let replies = replies.expect("an answer");
        replies
            .into_iter()
            .map(|reply| reply.body)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// One message, and the reply to it; some worker must be at work.
    pub async fn ask(&self, tenant: &str, conversation: &str, text: &str) -> String {
        let message = self.enqueue(tenant, conversation, text).await;
        let done = |status: &MessageStatus| {
            !matches!(
                status.state,
                MessageState::Queued { .. } | MessageState::Processing
            )
        };
        let status = self.await_status(tenant, &message, done).await;
        assert!(
            matches!(status.state, MessageState::Done { .. }),
            "{status:?}"
        );
        self.reply(tenant, &message).await
    }
}

impl AtWork {
    /// Stop in order, and wait for it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("work that ends well");
        }
    }
}

impl AtWork {
    /// Wait until it has ended by itself.
    pub async fn ended(&mut self) {
        if let Some(task) = self.task.take() {
            let ended = tokio::time::timeout(PATIENCE, task).await;
            ended.expect("it ends").expect("work that ends well");
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn open(url: &str, settings: &[(&str, &str)], seed: u64) -> App {
    open_with(url, settings, ClockSource::Test, Ids::seeded(seed)).await
}

async fn open_with(url: &str, settings: &[(&str, &str)], clock: ClockSource, ids: Ids) -> App {
    let usual = [
        ("database.url", url),
        ("limits.engine_slots", "4"),
        ("limits.tool_slots", "4"),
        ("server.shutdown_grace_ms", "0"),
        ("telegram.api_base", "http://127.0.0.1:9"),
    ];
    let environment = usual
        .iter()
        .chain(settings)
        .map(|(key, value)| (agent_factory::config::variable_of(key), (*value).to_owned()))
        .chain([("AGENT_FACTORY_MASTER_KEY".to_owned(), MASTER_KEY.to_owned())]);
    let config = Config::load(None, environment).expect("a configuration");
    let app = App::open(config, clock, ids, built::program());
    app.await.expect("a factory")
}

/// Stamp each case once for every database we run on, one module a database. A case is given a factory with the
/// defaults.
#[macro_export]
macro_rules! factory_cases {
    ($(async fn $case:ident($factory:ident) $body:block)+) => {
        $(
            async fn $case($factory: $crate::factory::Factory) $body
        )+

        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($crate::factory::Factory::new().await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(factory) = $crate::factory::Factory::postgres().await {
                        super::$case(factory).await;
                    }
                }
            )+
        }
    };
}

/// As [`factory_cases`], and each case once more with its workers apart from the control plane: they reach it over HTTP.
/// For what goes through a worker. (On one database: which it is makes no difference to what is sent.)
#[macro_export]
macro_rules! plane_cases {
    ($(async fn $case:ident($factory:ident) $body:block)+) => {
        $crate::factory_cases! {
            $(async fn $case($factory) $body)+
        }

        mod http {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($crate::factory::Factory::http().await).await;
                }
            )+
        }
    };
}

/// The agent of every tenant of a factory.
pub fn agent_key() -> AgentKey {
    "default".parse().expect("an agentKey")
}
