//! `message`: give messages to agents, see what became of them, cancel them.

use super::client::{Client, ClientArguments};
use super::tenants::TenantArguments;
use super::{pages, print};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

/// Give messages to agents, see what became of them, cancel them.
#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Send a message; with --wait, print its reply.
    Send(Send),
    /// List messages that wait, that workers have, or that have finished: id, status, attempts, conversation.
    List(List),
    /// Print a message's status, replies and failed attempts as JSON.
    Show {
        /// As `message send` prints it: msg_...
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: TenantArguments,
    },
    /// Cancel a message. One that a worker has is cancelled once its turn stops, unless that ends well before.
    Cancel {
        /// As `message send` prints it: msg_...
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: TenantArguments,
    },
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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agent-factory message list --tenant acme
  agent-factory message list --conversation order:17
  agent-factory message list --status finished --limit 10

Messages that were given up are listed by `agent-factory dead-letter list`.")]
pub(super) struct List {
    /// Which.
    #[arg(long, value_enum, default_value = "queued")]
    status: Status,
    /// Of this conversation alone; queued ones only.
    #[arg(long, value_name = "CONVERSATION")]
    conversation: Option<String>,
    /// So many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u64,
    #[command(flatten)]
    of: TenantArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    /// Those that wait for their turn, by conversation and in its order.
    Queued,
    /// Those that workers have.
    Processing,
    /// Those that were answered or cancelled, latest first.
    Finished,
}

/// Do it.
pub(super) async fn message(command: MessageCommand) -> anyhow::Result<()> {
    match command {
        MessageCommand::Send(wanted) => send(wanted).await,
        MessageCommand::List(wanted) => list(wanted).await,
        MessageCommand::Show { id, of } => {
            let (client, tenant) = of.client().await?;
            print::json(
                &client
                    .get(&["tenants", &tenant, "messages", &id], &[])
                    .await?,
            )
        }
        MessageCommand::Cancel { id, of } => {
            let (client, tenant) = of.client().await?;
            let path = ["tenants", &tenant, "messages", &id, "cancel"];
            let answer = client.ask(Method::POST, &path, &[], None::<&Value>).await?;
            if answer.get("asked").and_then(Value::as_bool) == Some(true) {
                return print::note(&format!("a worker has {id}, and is told to stop"));
            }
            print::note(&format!("cancelled {id}"))
        }
    }
}

async fn list(wanted: List) -> anyhow::Result<()> {
    let (client, tenant) = wanted.of.client().await?;
    let status = wanted.status.to_possible_value();
    let status = status.as_ref().map_or("", |value| value.get_name());
    let mut query = vec![("status", status)];
    query.extend(
        wanted
            .conversation
            .as_deref()
            .map(|of| ("conversationId", of)),
    );
    let path = ["tenants", &tenant, "messages"];
    let more = pages::each(
        &client,
        &path,
        &query,
        "messages",
        wanted.limit,
        |message| {
            let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or("-");
            let attempts = message.get("attempts").and_then(Value::as_u64).unwrap_or(0);
            print::row(&format!(
                "{}  {:10}  {attempts:3}  {}",
                text("messageId"),
                text("status"),
                text("conversationId"),
            ))
        },
    );
    if more.await? {
        print::note("there are more; --limit says how many to list")?;
    }
    Ok(())
}

/// Send a message, and wait for its reply where that is asked for.
async fn send(send: Send) -> anyhow::Result<()> {
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
            Some("cancelled") => bail!("somebody cancelled the message"),
            _ => {
                if let Some(reason) = text("heldReason") {
                    bail!("the message waits until somebody acts: {reason}");
                }
            }
        }
    }
}
