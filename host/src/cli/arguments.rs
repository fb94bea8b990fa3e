use super::agents::{AgentCommand, BotCommand, SecretCommand};
use super::components::ComponentCommand;
use super::conversations::ConversationCommand;
use super::dead_letters::DeadLetterCommand;
use super::logging::{LogFormat, Reader};
use super::messages::MessageCommand;
use super::queue::QueueCommand;
use super::receipts::{ReceiptCommand, UsageArguments};
use super::tenants::TenantCommand;
use super::tokens::TokenCommand;
use super::uploads::{EngineCommand, SkillCommand, WorkspaceCommand};
use crate::config::Limits;
use crate::config::{self, ApiBase, Config};
use crate::engine::ComponentKind;
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Host OpenClaw-style agents of many tenants, their engines and skills as sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "agent-factory", version)]
pub(super) struct Arguments {
    /// How log lines are written.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "FORMAT",
        env = "AGENT_FACTORY_LOG"
    )]
    pub(super) log: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run everything in one process, with a demo agent to chat with.
    Dev(Dev),
    /// Run the control plane: the HTTP API, the webhook, the queue. Workers are processes of their own.
    Serve(Serve),
    /// Make, list and revoke API tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, pause and bound tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// See how far components are compiled after an upgrade.
    #[command(subcommand)]
    Component(ComponentCommand),
    /// See how much there is to do; tell a worker to end.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Give messages to agents, see what became of them, cancel them.
    #[command(subcommand)]
    Message(MessageCommand),
    /// See, replay and purge messages that were given up.
    #[command(subcommand)]
    DeadLetter(DeadLetterCommand),
    /// See what components cost.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// See what a tenant used, by day.
    Usage(Box<UsageArguments>),
    /// Let a conversation wait, and let it go on.
    #[command(subcommand)]
    Conversation(ConversationCommand),
    /// Run turns and deliver replies for control planes elsewhere.
    #[command(after_help = WORKER_HELP)]
    Worker(ConfigArguments),
    /// Make and change agents.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Connect Telegram bots.
    #[command(subcommand)]
    Bot(BotCommand),
    /// Store secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Upload skills.
    #[command(subcommand)]
    Skill(SkillCommand),
    /// Upload engines.
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Upload workspaces.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// See what is configured.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check, describe and compile one component from stdin to stdout; for this program's own use.
    #[command(hide = true)]
    CompileComponent {
        /// What it is to be.
        #[arg(long)]
        kind: ComponentKind,
        /// The limits, as JSON.
        #[arg(long, value_parser = parse_limits)]
        limits: Box<Limits>,
    },
}

const WORKER_HELP: &str = "\
A worker has no database and no master key. Its environment holds:
  AGENT_FACTORY_URL            control planes, separated by commas; requests go to the next when one does not answer
  AGENT_FACTORY_WORKER_TOKEN   a token of the scope worker; it opens one pool

SIGTERM drains: running turns finish for server.shutdown_grace_ms, the rest is given back.";

fn parse_limits(text: &str) -> Result<Box<Limits>, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every effective value with its bound and unit, and no secret; the output is a configuration file.
    Show {
        #[command(flatten)]
        config: ConfigArguments,
    },
}

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    /// A TOML file; `AGENT_FACTORY_SECTION__KEY` variables override it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl ConfigArguments {
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(
            self.config.as_deref(),
            config::process_environment(),
        )?)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agent-factory dev --workspace ./my-agent --engine offline.wasm
  agent-factory dev --workspace ./my-agent --engine offline.wasm --once \"calculate 6 * 7\"

The state folder holds the master key and, unless `database.url` names another, the database. Delete it to begin anew.")]
pub(super) struct Dev {
    /// An OpenClaw workspace: AGENTS.md, SOUL.md, memory/, skills/. Imported at every start; what the agent wrote since
    /// is kept.
    #[arg(long, value_name = "FOLDER", overrides_with = "workspace")]
    pub(super) workspace: PathBuf,
    /// The engine adapter that runs the agent, a WebAssembly component.
    #[arg(long, value_name = "FILE", overrides_with = "engine")]
    pub(super) engine: PathBuf,
    /// Where the state is kept from one start to the next.
    #[arg(long, value_name = "FOLDER", default_value = ".agent-factory/dev")]
    pub(super) state: PathBuf,
    /// Say this to the agent, print its reply on stdout and nothing else, and exit.
    #[arg(long, value_name = "TEXT")]
    pub(super) once: Option<String>,
    /// Where to serve the webhook [default: 127.0.0.1:8787, or as configured].
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<SocketAddr>,
    /// The Bot API that replies go to [default: http://127.0.0.1:8081, a double of it, or as configured].
    #[arg(long, value_name = "URL")]
    pub(super) telegram_api: Option<ApiBase>,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  AGENT_FACTORY_MASTER_KEY=$(openssl rand -hex 32) agent-factory serve
  AGENT_FACTORY_DATABASE__URL=postgres://factory@db/factory agent-factory serve --listen 0.0.0.0:8080

The operator's token opens the API. It comes from one of two places:
  - AGENT_FACTORY_OPERATOR_TOKEN, where that is set: a token you made, `aft_o_` and 64 hex digits, as
    `echo aft_o_$(openssl rand -hex 32)` prints one. It is made known at start, stored hashed. Use this where stdout goes
    into a log, as on Fly: fly secrets set AGENT_FACTORY_OPERATOR_TOKEN=...
  - else, at the first start and whenever no valid one is left, one is made and printed once, on stdout.

The database is brought up to date at start; of processes that start at once, one does it and the others wait. SIGTERM
finishes the requests at hand, for server.shutdown_grace_ms at most; a second one ends the process.")]
pub(super) struct Serve {
    /// Where to listen [default: 127.0.0.1:8080, or as configured].
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
}

impl Dev {
    /// Whether somebody reads replies on this terminal.
    pub(super) fn log_reader(&self) -> Reader {
        use std::io::IsTerminal as _;
        if self.once.is_some() || std::io::stdin().is_terminal() {
            Reader::Chatting
        } else {
            Reader::Developer
        }
    }

    /// The configuration with what `dev` is for as its defaults: state in one folder, a port of its own, the double of
    /// the Bot API. A configuration file and the environment come before all of that.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let mut environment: Vec<(String, String)> = config::process_environment().collect();
        let file_given = self.config.config.is_some();
        let mut usual = |key: &str, value: String| {
            let name = config::variable_of(key);
            if !file_given && environment.iter().all(|(known, _)| *known != name) {
                environment.push((name, value));
            }
        };
        usual("server.listen", "127.0.0.1:8787".to_owned());
        usual("telegram.api_base", "http://127.0.0.1:8081".to_owned());
        let mut config = Config::load(self.config.config.as_deref(), environment.into_iter())?;
        if config.database.url == Config::default().database.url {
            let database = self.state.join("agent-factory.db");
            let url = format!("sqlite://{}", database.display());
            config.database.url = url.parse().context("use the state folder")?;
        }
        if config.secrets.master_key.is_none() {
            config.secrets.master_key_file = Some(self.state.join("master.key"));
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(base) = &self.telegram_api {
            config.telegram.api_base = base.clone();
        }
        Ok(config)
    }
}
