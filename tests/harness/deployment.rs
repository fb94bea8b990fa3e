//! Control planes and workers as processes of their own, on one PostgreSQL database.

use crate::dev::private_text;
use crate::factory::{Factory, agent_key};
use crate::installation::Installation;
use crate::leases;
use crate::process::Process;
use crate::remote;
use agent_factory::domain::{BotId, Pool, SecretRef, TenantId};
use agent_factory::identity::{self, NewBot, WebhookSecret};
use agent_factory::queue::{self, QueueStats, Scope};
use agent_factory::secrets::{self, SecretError};
use agent_factory::store::StoreError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// The bot of a deployment.
pub const BOT: &str = "1000001:demo-token-of-no-real-bot-000000000";

/// Backoffs are short, since a test waits them out. Leases are not: on a machine that has other work a short one ends by
/// itself, and what is done again then is no mistake of the program. [`Deployment::end_leases`] ends them.
const SETTINGS: [(&str, &str); 9] = [
    ("lease.lease_ms", "60000"),
    ("outbox.lease_ms", "60000"),
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
    token: String,
    secret: WebhookSecret,
    client: reqwest::Client,
    /// Behind the factory, which is dropped first: the database goes with it.
    installation: Installation,
}

impl Deployment {
    /// On a database of the shared server; none where there is no server. Replies go to the Bot API at `telegram`.
    pub async fn start(telegram: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let installation = Installation::migrated().await?;
        Some(Self::of(installation, telegram, settings).await)
    }

    /// On the database at `url`.
    pub async fn on(url: String, telegram: &str, settings: &[(&str, &str)]) -> Self {
        Self::of(Installation::on(url), telegram, settings).await
    }

    async fn of(installation: Installation, telegram: &str, settings: &[(&str, &str)]) -> Self {
        let mut all: Vec<(&str, &str)> = SETTINGS.to_vec();
        all.push(("telegram.api_base", telegram));
        all.extend(settings);
        let factory = Factory::of_processes(installation.url(), &all).await;
        let token = remote::token(factory.app(), "default").await;
        Self {
            factory,
            token,
            secret: WebhookSecret::from_random([7; 32]),
            client: reqwest::Client::new(),
            installation: installation.with(&all),
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

    /// Start a control plane, and wait until it serves.
    pub async fn control_plane(&self) -> Process {
        self.installation.control_plane().await
    }

    /// Start a worker of these control planes, with these settings over the deployment's, and a folder of components of
    /// this name; wait until it claims.
    pub async fn worker(&self, urls: &[&str], cache: &str, settings: &[(&str, &str)]) -> Process {
        let mut command = self.installation.command("worker");
        command
            .env("AGENT_FACTORY_URL", urls.join(","))
            .env("AGENT_FACTORY_WORKER_TOKEN", &self.token)
            .env("AGENT_FACTORY_WORKER__CACHE_FOLDER", self.cache(cache));
        for (key, value) in settings {
            command.env(agent_factory::config::variable_of(key), value);
        }
        let mut process = Process::spawn(command);
        process.await_log("the worker claims").await;
        process
    }

    /// Where the worker of this name keeps components.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.installation.folder().join(name)
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

    /// Let every lease that is held be over, as after a minute in which nobody was heard of.
    pub async fn end_leases(&self) {
        leases::end_leases(self.installation.url()).await;
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
