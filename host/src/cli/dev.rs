//! `dev`: everything in one process, with a demo tenant, a demo agent, a demo bot, and a chat.

use super::arguments::Dev;
use super::{chat, stop};
use crate::app::App;
use crate::artifacts::Admitted;
use crate::clock::Ids;
use crate::domain::{AgentKey, AgentModels, BotId, SecretRef, TenantId};
use crate::engine::ComponentKind;
use crate::identity::{self, NewBot, WebhookSecret};
use crate::queue;
use crate::secrets::{self, MasterKey, SecretError};
use crate::store::ClockSource;
use crate::workspace::{
    self, AdmittedSkill, Agent, Bounds, Import, Imported, Workspace, WorkspaceError,
};
use anyhow::Context as _;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The demo's own names.
pub(super) struct Demo {
    pub(super) tenant_id: TenantId,
    pub(super) agent_key: AgentKey,
    bot_id: BotId,
    token_ref: SecretRef,
}

impl Demo {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            tenant_id: "demo".parse()?,
            agent_key: "default".parse()?,
            bot_id: "1000001".parse()?,
            token_ref: "telegram.botToken.default".parse()?,
        })
    }
}

/// Set up, start, chat; stop in order.
pub(super) async fn run(dev: Dev) -> anyhow::Result<()> {
    let config = dev.load()?;
    let ids = Ids::system();
    make_state_folder(&dev.state)?;
    if let Some(path) = &config.secrets.master_key_file {
        MasterKey::create_file_if_absent(path, ids.bytes()?)?;
    }
    let program =
        std::env::current_exe().context("find this program, which compiles components")?;
    let app = App::open(config, ClockSource::Database, ids, program).await?;
    let demo = Demo::new()?;
    let imported = import(&app, &demo, &dev).await?;
    let secret = bot(&app, &demo).await?;
    let stopping = CancellationToken::new();
    stop::on_signals(stopping.clone())?;
    let outcome = match &dev.once {
        Some(text) => once(&app, &demo, text, stopping).await,
        None => serve(&app, &demo, &imported, &secret, stopping).await,
    };
    app.close().await;
    outcome
}

fn make_state_folder(folder: &Path) -> anyhow::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    // The database holds what people wrote: nobody else on this machine is to read it.
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(folder)
        .and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)))
        .with_context(|| {
            format!(
                "make the state folder {} and close it to others",
                folder.display()
            )
        })
}

/// One message in, one reply out.
async fn once(app: &App, demo: &Demo, text: &str, stop: CancellationToken) -> anyhow::Result<()> {
    let worker = app.worker(&stop)?;
    let ask = async {
        let answer = chat::ask(app, demo, text, &stop).await;
        stop.cancel();
        answer
    };
    let ((), answer) = tokio::join!(worker.run(stop.clone()), ask);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", answer?)?;
    Ok(out.flush()?)
}

/// The webhook, the worker and, on a terminal, the chat.
async fn serve(
    app: &App,
    demo: &Demo,
    imported: &Imported,
    secret: &WebhookSecret,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listen = app.config().server.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!(
            "listen on {listen}; if another `dev` runs there, give this one --listen 127.0.0.1:0"
        )
    })?;
    announce(app, demo, imported, secret, &listener)?;
    let worker = app.worker(&stop)?;
    let chatting = async {
        if std::io::stdin().is_terminal() {
            let outcome = chat::chat(app, demo, &stop).await;
            stop.cancel();
            outcome
        } else {
            stop.cancelled().await;
            Ok(())
        }
    };
    let ((), led, served, chatted) = tokio::join!(
        worker.run(stop.clone()),
        app.lead(stop.clone()),
        async {
            let served = app.serve(listener, stop.clone()).await;
            stop.cancel();
            served
        },
        chatting
    );
    led?;
    served.context("serve HTTP")?;
    chatted
}

/// Admit the engine and the skills, and store the agent.
async fn import(app: &App, demo: &Demo, dev: &Dev) -> anyhow::Result<Imported> {
    let folder = dev.workspace.clone();
    let bounds = Bounds::of(app.config());
    let workspace: Workspace =
        tokio::task::spawn_blocking(move || workspace::read(&folder, &bounds)).await??;
    let engine = tokio::fs::read(&dev.engine)
        .await
        .with_context(|| format!("read the engine {}", dev.engine.display()))?;
    admit(app, ComponentKind::Engine, engine.clone(), &dev.engine).await?;
    let mut skills = Vec::with_capacity(workspace.skills.len());
    for folder in workspace.skills {
        let tools = match (&folder.component, folder.component_bytes()) {
            (Some(path), Some(bytes)) => {
                let skill = format!("skills/{}", folder.manifest.name);
                let path = dev.workspace.join(skill).join(path.as_str());
                admit(app, ComponentKind::Skill, bytes.to_vec(), &path)
                    .await?
                    .tools
            }
            _ => Vec::new(),
        };
        skills.push(AdmittedSkill { folder, tools });
    }
    let engine_name = dev
        .engine
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("engine");
    let agent = Agent {
        tenant_id: demo.tenant_id.clone(),
        agent_key: demo.agent_key.clone(),
        pool: crate::domain::Pool::default(),
        engine_name: engine_name.to_owned(),
        engine,
        time_zone: "UTC".to_owned(),
        runtime_config: BTreeMap::new(),
        secrets_ref: vec![demo.token_ref.clone()],
        models: AgentModels::default(),
    };
    let import = Import {
        agent,
        documents: workspace.documents,
        skills,
    };
    let policy = app.queue_policy();
    let imported: Result<_, WorkspaceError> = app
        .db
        .write(move |tx| {
            Box::pin(async move {
                let imported = workspace::import(tx, &bounds, &import).await?;
                // Whoever starts `dev` again has looked at what held the agent.
                let (tenant, agent) = (&import.agent.tenant_id, &import.agent.agent_key);
                queue::resume(tx, &policy, tenant, agent).await?;
                Ok(imported)
            })
        })
        .await;
    let imported: Imported = imported?;
    for path in &imported.kept {
        tracing::warn!(%path, "the folder and the agent both changed this document; the agent's is kept");
    }
    Ok(imported)
}

async fn admit(
    app: &App,
    kind: ComponentKind,
    bytes: Vec<u8>,
    path: &Path,
) -> anyhow::Result<Admitted> {
    let admitted = app.admission.admit(kind, bytes).await;
    let admitted = admitted.with_context(|| format!("admit {}", path.display()))?;
    if admitted.compiled_now {
        tracing::info!(path = %path.display(), digest = %admitted.digest, "compiled a component");
    }
    Ok(admitted)
}

/// Store the demo bot: a made-up token that a Bot API double accepts, and a webhook secret that
/// follows from this state folder's master key, so that it stays the same.
async fn bot(app: &App, demo: &Demo) -> anyhow::Result<WebhookSecret> {
    let secret = WebhookSecret::from_random(*app.master_key.derive("dev webhook secret v1"));
    let bot = NewBot {
        tenant_id: demo.tenant_id.clone(),
        bot_id: demo.bot_id.clone(),
        agent_key: demo.agent_key.clone(),
        token_ref: demo.token_ref.clone(),
        webhook_secret: secret.clone(),
    };
    let token = SecretString::from(format!(
        "{}:demo-token-of-no-real-bot-000000000",
        demo.bot_id
    ));
    let (key, nonce) = (app.master_key.clone(), app.ids.bytes()?);
    let stored: Result<(), SecretError> = app
        .db
        .write(move |tx| {
            Box::pin(async move {
                identity::bot_put(tx, &bot).await?;
                let (tenant, name) = (&bot.tenant_id, &bot.token_ref);
                // A token that somebody imported for real is left alone.
                if secrets::active(tx, &key, tenant, name).await?.is_none() {
                    secrets::import(tx, &key, tenant, name, &token, nonce).await?;
                }
                Ok(())
            })
        })
        .await;
    stored?;
    Ok(secret)
}

fn announce(
    app: &App,
    demo: &Demo,
    imported: &Imported,
    secret: &WebhookSecret,
    listener: &TcpListener,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let prefix = app.config().server.path_prefix.as_str();
    let mut out = std::io::stdout().lock();
    writeln!(out, "Agent Factory is running, all in one process.")?;
    writeln!(
        out,
        "  agent      {} of tenant {}",
        demo.agent_key, demo.tenant_id
    )?;
    writeln!(
        out,
        "  workspace  {} documents and {} skills changed since the last start",
        imported.documents, imported.skills
    )?;
    let url = app.config().database.url.to_string();
    writeln!(
        out,
        "  database   {}",
        url.strip_prefix("sqlite://").unwrap_or(&url)
    )?;
    writeln!(
        out,
        "  webhook    http://{address}{prefix}/telegram/webhook"
    )?;
    writeln!(
        out,
        "  Bot API    {}",
        app.config().telegram.api_base.as_str()
    )?;
    writeln!(out)?;
    writeln!(out, "Send it a Telegram update:")?;
    writeln!(out, "  curl http://{address}{prefix}/telegram/webhook \\")?;
    writeln!(
        out,
        "    -H 'X-Telegram-Bot-Api-Secret-Token: {}' \\",
        secret.reveal()
    )?;
    writeln!(out, "    -H 'Content-Type: application/json' -d '{UPDATE}'")?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// A real update, as Telegram sends it for a private text message.
const UPDATE: &str = r#"{"update_id":1,"message":{"message_id":1,"date":1795000000,"from":{"id":42,"is_bot":false,"first_name":"Mia"},"chat":{"id":42,"type":"private","first_name":"Mia"},"text":"calculate 6 * 7"}}"#;
