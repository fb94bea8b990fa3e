//! Small commands that are one request each.

use super::client::{Client, ClientArguments};
use super::print;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Make tenants.
#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// Make a tenant; a second time changes nothing.
    Create {
        /// 1 to 64 characters of a-z, 0-9 and -.
        #[arg(value_name = "TENANT")]
        tenant: String,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// See how much there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Print the figures of a pool, or of a tenant, as JSON.
    Stats {
        /// Of this tenant.
        #[arg(long, value_name = "TENANT", conflicts_with = "pool")]
        tenant: Option<String>,
        /// Of this pool [default: default].
        #[arg(long, value_name = "POOL")]
        pool: Option<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Give messages to agents.
#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Send a message; with --wait, print its reply.
    Send(Send),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agent-factory message send --tenant acme --wait \"calculate 6 * 7\"
  agent-factory message send --tenant acme --agent support --conversation order:17 --id 4711 \"Where is it?\"")]
pub(super) struct Send {
    /// Whose agent.
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// Which agent.
    #[arg(long, value_name = "AGENT", default_value = "default")]
    agent: String,
    /// Messages of one conversation are answered in order.
    #[arg(long, value_name = "CONVERSATION", default_value = "cli:terminal")]
    conversation: String,
    /// Who writes.
    #[arg(long, value_name = "USER", default_value = "terminal")]
    user: String,
    /// The message's own id: sent again under the same id, it is the same message.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Wait until it is answered, and print the reply on stdout and nothing else.
    #[arg(long)]
    wait: bool,
    /// What to say.
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    client: ClientArguments,
}

/// Make a tenant.
pub(super) async fn tenant(command: TenantCommand) -> anyhow::Result<()> {
    let TenantCommand::Create { tenant, client } = command;
    let client = Client::new(&client)?;
    client
        .ask(Method::PUT, &["tenants", &tenant], &[], None::<&Value>)
        .await?;
    print::note(&format!("there is a tenant {tenant}"))
}

/// Print figures.
pub(super) async fn queue(command: QueueCommand) -> anyhow::Result<()> {
    let QueueCommand::Stats {
        tenant,
        pool,
        client,
    } = command;
    let client = Client::new(&client)?;
    let stats = match (&tenant, &pool) {
        (Some(tenant), _) => {
            client
                .get(&["tenants", tenant, "queue", "stats"], &[])
                .await?
        }
        (None, Some(pool)) => client.get(&["queue", "stats"], &[("pool", pool)]).await?,
        (None, None) => client.get(&["queue", "stats"], &[]).await?,
    };
    print::json(&stats)
}

/// Send a message, and wait for its reply where that is asked for.
pub(super) async fn message(command: MessageCommand) -> anyhow::Result<()> {
    let MessageCommand::Send(send) = command;
    let client = Client::new(&send.client)?;
    let mut payload = json!({
        "provider": "api", "providerUserId": send.user, "messageText": send.text,
    });
    if let (Some(id), Some(fields)) = (send.id, payload.as_object_mut()) {
        fields.insert("externalMessageId".to_owned(), id.into());
    }
    let body = json!({
        "conversationId": send.conversation, "agentKey": send.agent, "payload": payload,
    });
    let path = ["tenants", &send.tenant, "messages"];
    let accepted = client.ask(Method::POST, &path, &[], Some(&body)).await?;
    let message_id = accepted
        .get("messageId")
        .and_then(Value::as_str)
        .context("the control plane answered without a message id")?;
    if !send.wait {
        return print::line(message_id);
    }
    let path = ["tenants", &send.tenant, "messages", message_id];
    loop {
        let message = client.get(&path, &[("waitMs", "30000")]).await?;
        let text = |key: &str| message.get(key).and_then(Value::as_str);
        match text("status") {
            Some("done") => {
                let replies = message.get("replies").and_then(Value::as_array);
                let bodies: Vec<&str> = replies
                    .into_iter()
                    .flatten()
                    .filter_map(|reply| reply.get("text")?.as_str())
                    .collect();
                return print::line(&bodies.join("\n"));
            }
            Some("dead_letter") => {
                bail!(
                    "the agent gave up: {}",
                    text("lastError").unwrap_or_default()
                )
            }
            _ => {
                if let Some(reason) = text("heldReason") {
                    bail!("the agent is held until somebody acts: {reason}");
                }
            }
        }
    }
}
