//! `dead-letter`: messages that were given up.

use super::client::Client;
use super::tenants::TenantArguments;
use super::{pages, print};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// The most of one request.
const BATCH: u64 = 1000;

/// See, replay and purge messages that were given up.
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetterCommand {
    /// List them, latest first: id, agent, conversation, attempts, and how the last one failed.
    List {
        /// So many at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: u64,
        #[command(flatten)]
        of: TenantArguments,
    },
    /// Print one as JSON, with how each attempt failed.
    Show {
        /// As `dead-letter list` shows it: msg_...
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: TenantArguments,
    },
    /// Put one, or all, back at the end of their conversations, with all their attempts before them again.
    #[command(after_help = "\
Examples:
  agent-factory dead-letter replay msg_0192a3b4
  agent-factory dead-letter replay --all --tenant acme

Repair what made them fail first: a message that fails again is given up again.")]
    Replay(Repair),
    /// Throw one, or all, away for good. A message that comes under the same externalMessageId later is a new one.
    #[command(after_help = "\
Examples:
  agent-factory dead-letter purge msg_0192a3b4
  agent-factory dead-letter purge --all --tenant acme")]
    Purge(Repair),
}

#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    of: TenantArguments,
}

impl Repair {
    /// The one that is meant; none: all.
    fn one(&self) -> Option<&str> {
        self.which.id.as_deref().filter(|_| !self.which.all)
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// As `dead-letter list` shows it: msg_...
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// All there are now, those given up longest ago first. What is given up meanwhile is left alone.
    #[arg(long)]
    all: bool,
}

/// See, replay or purge.
pub(super) async fn dead_letter(command: DeadLetterCommand) -> anyhow::Result<()> {
    match command {
        DeadLetterCommand::List { limit, of } => {
            let (client, tenant) = of.client().await?;
            list(&client, &tenant, limit).await
        }
        DeadLetterCommand::Show { id, of } => {
            let (client, tenant) = of.client().await?;
            let message = client
                .get(&["tenants", &tenant, "messages", &id], &[])
                .await?;
            match message.get("status").and_then(Value::as_str) {
                Some("dead_letter") => print::json(&message),
                status => bail!(
                    "the message {id} is no dead letter: its status is {}",
                    status.unwrap_or("unknown")
                ),
            }
        }
        DeadLetterCommand::Replay(repair) => {
            let (client, tenant) = repair.of.client().await?;
            if let Some(id) = repair.one() {
                let path = ["tenants", &tenant, "dead-letters", id, "replay"];
                client.ask(Method::POST, &path, &[], None::<&Value>).await?;
                return print::note(&format!("replayed {id}"));
            }
            all(&client, &tenant, "replay", "replayed").await
        }
        DeadLetterCommand::Purge(repair) => {
            let (client, tenant) = repair.of.client().await?;
            if let Some(id) = repair.one() {
                let path = ["tenants", &tenant, "dead-letters", id];
                client
                    .ask(Method::DELETE, &path, &[], None::<&Value>)
                    .await?;
                return print::note(&format!("purged {id}"));
            }
            all(&client, &tenant, "purge", "purged").await
        }
    }
}

async fn list(client: &Client, tenant: &str, limit: u64) -> anyhow::Result<()> {
    let path = ["tenants", tenant, "dead-letters"];
    let more = pages::each(client, &path, &[], "deadLetters", limit, |letter| {
        let text = |key: &str| letter.get(key).and_then(Value::as_str).unwrap_or("-");
        let number = |key: &str| letter.get(key).and_then(Value::as_u64).unwrap_or(0);
        print::row(&format!(
            "{}  {:16}  {:24}  {:3}  {}",
            text("messageId"),
            text("agentKey"),
            text("conversationId"),
            number("attempts"),
            text("lastError"),
        ))
    });
    if more.await? {
        print::note("there are more; --limit says how many to list")?;
    }
    Ok(())
}

/// As many as there are now: what is replayed may be given up again while this goes on.
async fn all(client: &Client, tenant: &str, verb: &str, done: &str) -> anyhow::Result<()> {
    let stats = client
        .get(&["tenants", tenant, "queue", "stats"], &[])
        .await?;
    let total = stats.get("deadLetters").and_then(Value::as_u64);
    let total = total.context("the control plane answered without the number of dead letters")?;
    let path = ["tenants", tenant, "dead-letters", verb];
    let mut so_far = 0;
    while so_far < total {
        let body = json!({ "limit": total.saturating_sub(so_far).min(BATCH) });
        let answer = client.ask(Method::POST, &path, &[], Some(&body)).await?;
        match answer.get(done).and_then(Value::as_u64) {
            None | Some(0) => break,
            Some(now) => so_far = so_far.saturating_add(now),
        }
        print::note(&format!("{done} {so_far} of {total}"))?;
    }
    if so_far == 0 {
        print::note(&format!("the tenant {tenant} has no dead letters"))?;
    }
    Ok(())
}
