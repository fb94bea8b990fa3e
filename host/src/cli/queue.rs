//! `queue`: how much there is to do, and who is to stop doing it.

use super::client::{Client, ClientArguments};
use super::print;
use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

/// See how much there is to do; tell a worker to end.
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
    /// Tell a worker to end once it has finished what it has.
    ///
    /// It is given no more messages, hears of it with its next claim or heartbeat, and exits. GET /v1/workers lists workers.
    DrainWorker {
        /// As it names itself in its log: wrk_...
        #[arg(value_name = "WORKER")]
        worker: String,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Print figures, or tell a worker.
pub(super) async fn queue(command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::Stats {
            tenant,
            pool,
            client,
        } => {
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
        QueueCommand::DrainWorker { worker, client } => {
            let client = Client::new(&client)?;
            let path = ["workers", &worker, "drain"];
            client.ask(Method::POST, &path, &[], None::<&Value>).await?;
            print::note(&format!(
                "the worker {worker} ends once it has finished what it has"
            ))
        }
    }
}
