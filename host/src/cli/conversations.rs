//! `conversation`: let one wait, and let it go on.

use super::print;
use super::tenants::TenantArguments;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// Let a conversation wait, and let it go on.
#[derive(Debug, Subcommand)]
pub(super) enum ConversationCommand {
    /// Let a conversation wait: its messages are taken in and kept in order, and none is run. A turn that runs is finished.
    #[command(after_help = "\
Example:
  agent-factory conversation pause telegram:123456789:42 --reason \"a person answers here\"

A conversation that is paused keeps the first reason.")]
    Pause {
        /// Its conversationId.
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        /// For the person who is to act.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        of: TenantArguments,
    },
    /// Let a paused conversation go on, unless its agent or its tenant waits too.
    Resume {
        /// Its conversationId.
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        #[command(flatten)]
        of: TenantArguments,
    },
}

/// Pause or resume a conversation.
pub(super) async fn conversation(command: ConversationCommand) -> anyhow::Result<()> {
    match command {
        ConversationCommand::Pause {
            conversation,
            reason,
            of,
        } => {
            let (client, tenant) = of.client().await?;
            let path = ["tenants", &tenant, "conversations", &conversation, "pause"];
            let body = json!({ "reason": reason });
            client.ask(Method::POST, &path, &[], Some(&body)).await?;
            print::note(&format!("the conversation {conversation} is paused"))
        }
        ConversationCommand::Resume { conversation, of } => {
            let (client, tenant) = of.client().await?;
            let path = ["tenants", &tenant, "conversations", &conversation, "resume"];
            client.ask(Method::POST, &path, &[], None::<&Value>).await?;
            print::note(&format!("the conversation {conversation} goes on"))
        }
    }
}
