//! `tenant`: make tenants, let them wait, bound them.

use super::agents::limits;
use super::client::{Client, ClientArguments};
use super::print;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// Make, pause and bound tenants.
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
    /// Let a tenant wait: its messages are taken in and kept in order, and none is run. Turns that run are finished.
    #[command(after_help = "\
Example:
  agent-factory tenant pause acme --reason \"unpaid since May\"

Whoever asks for a message of it is told the reason. A tenant that is paused keeps the first one.")]
    Pause {
        /// Which.
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// For the person who is to act.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Let a paused tenant go on. Its held agents and paused conversations wait on.
    Resume {
        /// Which.
        #[arg(value_name = "TENANT")]
        tenant: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Bound how many messages of a tenant workers have at once.
    #[command(
        override_usage = "agent-factory tenant limit [OPTIONS] <TENANT> <MESSAGES|--default>",
        after_help = "\
Examples:
  agent-factory tenant limit acme 50
  agent-factory tenant limit acme --default"
    )]
    Limit(Limit),
    /// Cap what a tenant's engines and skills may take, whatever its agents and skills ask for.
    #[command(
        override_usage = "agent-factory tenant cap [OPTIONS] <TENANT> <NAME=VALUE...|--none>",
        after_help = "\
Examples:
  agent-factory tenant cap acme tool_ms=5000 memory_bytes=16777216
  agent-factory tenant cap acme --none

These caps and no others; a cap above the operator's own limit changes nothing."
    )]
    Cap(Cap),
}

#[derive(Debug, Args)]
pub(super) struct Cap {
    /// Which.
    #[arg(value_name = "TENANT")]
    tenant: String,
    #[command(flatten)]
    caps: Caps,
    #[command(flatten)]
    client: ClientArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Caps {
    /// A limit's name and the most of it.
    #[arg(value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// No caps.
    #[arg(long)]
    none: bool,
}

#[derive(Debug, Args)]
pub(super) struct Limit {
    /// Which.
    #[arg(value_name = "TENANT")]
    tenant: String,
    #[command(flatten)]
    most: Most,
    #[command(flatten)]
    client: ClientArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Most {
    /// So many at most, 1 to 100000.
    #[arg(value_name = "MESSAGES")]
    messages: Option<u32>,
    /// As the control plane is configured.
    #[arg(long)]
    default: bool,
}

/// Whose, and which control plane.
#[derive(Debug, Args)]
pub(super) struct TenantArguments {
    /// Whose [default: the tenant of the token].
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    client: ClientArguments,
}

impl TenantArguments {
    /// The control plane, and the tenant that is meant.
    ///
    /// # Errors
    /// As [`Client::new`] and [`Client::tenant`].
    pub(super) async fn client(&self) -> anyhow::Result<(Client, String)> {
        let client = Client::new(&self.client)?;
        let tenant = client.tenant(self.tenant.as_deref()).await?;
        Ok((client, tenant))
    }
}

/// Make, pause or bound a tenant.
pub(super) async fn tenant(command: TenantCommand) -> anyhow::Result<()> {
    match command {
        TenantCommand::Create { tenant, client } => {
            let client = Client::new(&client)?;
            client
                .ask(Method::PUT, &["tenants", &tenant], &[], None::<&Value>)
                .await?;
            print::note(&format!("there is a tenant {tenant}"))
        }
        TenantCommand::Pause {
            tenant,
            reason,
            client,
        } => {
            let client = Client::new(&client)?;
            let path = ["tenants", &tenant, "pause"];
            let body = json!({ "reason": reason });
            client.ask(Method::POST, &path, &[], Some(&body)).await?;
            print::note(&format!("the tenant {tenant} is paused"))
        }
        TenantCommand::Resume { tenant, client } => {
            let client = Client::new(&client)?;
            let path = ["tenants", &tenant, "resume"];
            client.ask(Method::POST, &path, &[], None::<&Value>).await?;
            print::note(&format!("the tenant {tenant} goes on"))
        }
        TenantCommand::Cap(cap) => {
            let client = Client::new(&cap.client)?;
            let path = ["tenants", &cap.tenant, "component-limits"];
            let body = json!({ "limits": limits(&cap.caps.limits)? });
            client.ask(Method::PUT, &path, &[], Some(&body)).await?;
            let none = cap.caps.none;
            let caps = if none {
                "none".to_owned()
            } else {
                cap.caps.limits.join(" ")
            };
            print::note(&format!("caps of the tenant {}: {caps}", cap.tenant))
        }
        TenantCommand::Limit(limit) => {
            let client = Client::new(&limit.client)?;
            let path = ["tenants", &limit.tenant, "limits"];
            let Most { messages, default } = limit.most;
            let most = messages.filter(|_| !default);
            let body = json!({ "maxInFlight": most });
            client.ask(Method::PUT, &path, &[], Some(&body)).await?;
            let most = most.map_or_else(|| "as configured".to_owned(), |most| most.to_string());
            print::note(&format!(
                "messages of the tenant {} with workers at once: {most}",
                limit.tenant
            ))
        }
    }
}
