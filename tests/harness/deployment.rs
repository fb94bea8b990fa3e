//! Control planes and workers as processes of their own, on one PostgreSQL database.

use crate::dev::{follow, private_text};
use crate::factory::{Factory, MASTER_KEY, agent_key};
use crate::postgres;
use crate::{built, remote};
use agent_factory::domain::{BotId, Pool, SecretRef, TenantId};
use agent_factory::identity::{self, NewBot, WebhookSecret};
use agent_factory::queue::{self, QueueStats, Scope};
use agent_factory::secrets::{self, SecretError};
use agent_factory::store::StoreError;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// The bot of a deployment.
pub const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";

/// Leases and backoffs are short: a test waits them out.
const SETTINGS: [(&str, &str); 9] = [
    ("lease.lease_ms", "3000"),
    ("outbox.lease_ms", "3000"),
    ("telegram.send_timeout_ms", "2000"),
    ("retry.base_delay_ms", "100"),
    ("queue.poll_ms", "200"),
    ("server.shutdown_grace_ms", "0"),
    ("limits.engine_slots", "4"),
    ("limits.tool_slots", "4"),
    ("database.readers", "4"),
];

/// A database with a tenant `ada`, its agent and its bot.
pub struct Deployment {
    /// The same database, from the test's own process: to store and to look.
    pub factory: Factory,
    url: String,
    token: String,
    secret: WebhookSecret,
    settings: Vec<(String, String)>,
    folder: tempfile::TempDir,
    client: reqwest::Client,
    _database: Option<postgres::Database>,
}

/// A process of a deployment; killed when it is dropped.
pub struct Process {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    url: String,
}

impl Deployment {
    /// On a database of the shared server; none where there is no server. Replies go to the Bot API at `telegram`.
    pub async fn start(telegram: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let database = postgres::Database::create().await?;
        let url = database.url().to_owned();
        let mut deployment = Self::on(url, telegram, settings).await;
        deployment._database = Some(database);
        Some(deployment)
    }

    /// On the database at `url`.
    pub async fn on(url: String, telegram: &str, settings: &[(&str, &str)]) -> Self {
        let mut all: Vec<(&str, &str)> = SETTINGS.to_vec();
        all.push(("telegram.api_base", telegram));
        all.extend(settings);
        let factory = Factory::of_processes(&url, &all).await;
        let token = remote::token(factory.app(), "default").await;
        let secret = WebhookSecret::from_random([7; 32]);
        Self {
            factory,
            url,
            token,
            secret,
            settings: all
                .iter()
                .map(|(key, value)| (agent_factory::config::variable_of(key), (*value).to_owned()))
                .collect(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            client: reqwest::Client::new(),
            _database: None,
        }
    }

    /// Give `ada` an agent with this engine and workspace, and a bot that leads to it.
    pub async fn agent(&self, engine: &str, workspace: &Path) {
        self.factory.agent("ada", engine, workspace).await;
        let app = self.factory.app();
        let tenant_id: TenantId = "ada".parse().expect("a tenant id");
        let token_ref: SecretRef = "telegram.botToken.default".parse().expect("a secretRef");
        let bot = NewBot {
            tenant_id,
            bot_id: "1000001".parse::<BotId>().expect("a bot id"),
            agent_key: agent_key(),
            token_ref,
            webhook_secret: self.secret.clone(),
        };
        let (key, nonce) = (
            app.master_key.clone(),
            app.ids.bytes().expect("random bytes"),
        );
        let stored: Result<(), SecretError> = app
            .db
            .write(move |tx| {
                Box::pin(async move {
                    identity::bot_put(tx, &bot).await?;
                    let token = BOT.to_owned().into();
                    let (tenant, name) = (&bot.tenant_id, &bot.token_ref);
                    secrets::import(tx, &key, tenant, name, &token, nonce).await?;
                    Ok(())
                })
            })
            .await;
        stored.expect("a bot");
    }

    /// The token of its workers.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Start a control plane, and wait until it listens.
    pub async fn control_plane(&self) -> Process {
        let mut command = Command::new(built::program());
        command
            .arg("serve")
            .env("AGENT_FACTORY_MASTER_KEY", MASTER_KEY)
            .env("AGENT_FACTORY_DATABASE__URL", &self.url)
            .env("AGENT_FACTORY_SERVER__LISTEN", "127.0.0.1:0");
        let mut process = self.spawn(command);
        let out = process.child.stdout.take().expect("a stdout");
        let mut lines = BufReader::new(out).lines();
        // The first of a database prints the operator's token before.
        loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            let line = line
                .expect("an announcement in time")
                .expect("readable output");
            let line = line.unwrap_or_else(|| panic!("it ended:\n{}", process.log_text()));
            if let Some(url) = line.strip_prefix("Serving on ") {
                url.clone_into(&mut process.url);
                return process;
            }
        }
    }

    /// Start a worker of these control planes, with these settings over the deployment's, and a folder of components of
    /// this name; wait until it claims.
    pub async fn worker(&self, urls: &[&str], cache: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = Command::new(built::program());
        command.arg("worker");
        let mut process = self.worker_of(command, urls, cache, settings);
        process.await_log("the worker claims").await;
        process
    }

    fn worker_of(
        &self,
        mut command: Command,
        urls: &[&str],
        cache: &str,
        settings: &[(&str, &str)],
    ) -> Process {
        command
            .env("AGENT_FACTORY_URL", urls.join(","))
            .env("AGENT_FACTORY_WORKER_TOKEN", &self.token)
            .env("AGENT_FACTORY_WORKER__CACHE_FOLDER", self.cache(cache));
        for (key, value) in settings {
            command.env(agent_factory::config::variable_of(key), value);
        }
        self.spawn(command)
    }

    /// Where the worker of this name keeps components.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, mut command: Command) -> Process {
        let own: Vec<_> = command
            .as_std()
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command
            .env_clear()
            .env("RUST_LOG", "agent_factory=info")
            .envs(self.settings.clone())
            .envs(own)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let log = follow(BufReader::new(child.stderr.take().expect("a stderr")).lines());
        Process {
            child,
            log,
            url: String::new(),
        }
    }

    /// Post a private text message to one of `urls` after the other until one takes it, as Telegram repeats an update.
    pub async fn update(&self, urls: &[&str], update_id: i64, chat_id: i64, text: &str) {
        let body = private_text(update_id, chat_id, text);
        let posting = async {
            for url in urls.iter().cycle() {
                let posted = self
                    .client
                    .post(format!("{url}/agent-factory/telegram/webhook"))
                    .header("X-Telegram-Bot-Api-Secret-Token", self.secret.reveal())
                    .timeout(Duration::from_secs(20))
                    .json(&body)
                    .send()
                    .await;
                if posted.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let posted = tokio::time::timeout(PATIENCE, posting).await;
        posted.expect("a control plane that takes the message");
    }

    /// What there is to do in the default pool.
    pub async fn stats(&self) -> QueueStats {
        let stats: Result<_, StoreError> = self
            .factory
            .db()
            .read(|tx| {
                Box::pin(async move { queue::stats(tx, &Scope::Pool(Pool::default())).await })
            })
            .await;
        stats.expect("an answer")
    }
}

impl Process {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged.
    pub fn log_text(&self) -> String {
        self.log.borrow().join("\n")
    }

    /// Wait for a line in the log that holds `text`.
    pub async fn await_log(&mut self, text: &str) {
        self.await_logs(text, 1).await;
    }

    /// Wait until so many lines of the log hold `text`.
    pub async fn await_logs(&mut self, text: &str, count: usize) {
        let mut log = self.log.clone();
        let found =
            log.wait_for(|lines| lines.iter().filter(|line| line.contains(text)).count() >= count);
        let found = tokio::time::timeout(PATIENCE, found)
            .await
            .map(|found| found.is_ok());
        assert!(
            matches!(found, Ok(true)),
            "no {count} of {text:?} in the log:\n{}",
            self.log_text()
        );
    }

    /// SIGKILL, and wait until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a killed process");
    }

    /// SIGSTOP: it runs no further, and knows nothing of it.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// SIGTERM, and wait for its end.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// Wait for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.log_text()));
        // Its last words are read when there are no more.
        while self.log.changed().await.is_ok() {}
        ended.expect("an exit status")
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.expect("a running process");
        let pid = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("a signal sent");
    }
}
