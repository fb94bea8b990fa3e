//! `component`: how far components are compiled for the control plane's version.

use super::client::{Client, ClientArguments};
use super::print;
use clap::Subcommand;
use serde_json::Value;

/// See how far components are compiled after an upgrade.
#[derive(Debug, Subcommand)]
pub(super) enum ComponentCommand {
    /// Print how many components are compiled for the control plane's version, and which do not compile.
    ///
    /// After an upgrade they are compiled by themselves, those that were used last first. Workers of the version before go on
    /// with what they have meanwhile.
    Status {
        /// All there is to know, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Print how far it is.
pub(super) async fn component(command: ComponentCommand) -> anyhow::Result<()> {
    let ComponentCommand::Status { json, client } = command;
    let client = Client::new(&client)?;
    let status: Value = client.get(&["components", "status"], &[]).await?;
    if json {
        return print::json(&status);
    }
    lines(&status).iter().try_for_each(|line| print::row(line))
}

fn lines(status: &Value) -> Vec<String> {
    let number = |key: &str| status.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut lines = vec![format!(
        "{} components: {} compiled, {} failed, {} remaining",
        number("total"),
        number("compiled"),
        number("failed"),
        number("remaining"),
    )];
    let failures = status.get("failures").and_then(Value::as_array);
    for failure in failures.into_iter().flatten() {
        let text = |key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("failed  {}  {}", text("component"), text("reason")));
        let uses = failure.get("usedBy").and_then(Value::as_array);
        for used in uses.into_iter().flatten() {
            let text = |key: &str| used.get(key).and_then(Value::as_str);
            let (tenant, agent) = (text("tenantId"), text("agentKey"));
            let what = text("skill").map_or("engine".to_owned(), |skill| format!("skill {skill}"));
            lines.push(format!(
                "        {} of agent {} of tenant {}",
                what,
                agent.unwrap_or_default(),
                tenant.unwrap_or_default()
            ));
        }
    }
    lines
}
