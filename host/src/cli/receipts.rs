//! `receipt` and `usage`: what components cost.

use super::tenants::TenantArguments;
use super::{pages, print};
use clap::{Args, Subcommand};
use serde_json::Value;

/// See what components cost.
#[derive(Debug, Subcommand)]
pub(super) enum ReceiptCommand {
    /// List them, latest first: when, message, agent, what ran, how it ended, wall clock, processor time, memory.
    #[command(after_help = "\
Examples:
  agent-factory receipt list --outcome exhausted
  agent-factory receipt list --message msg_0192a3b4 --json")]
    List(Box<ListReceipts>),
}

#[derive(Debug, Args)]
pub(super) struct ListReceipts {
    /// Of this message; with --json also what each invocation logged.
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// Of this agent.
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Of calls of this skill's tools.
    #[arg(long, value_name = "SKILL")]
    skill: Option<String>,
    /// ok, guest_error, trap, exhausted or cancelled.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// So many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u64,
    /// Print each as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    of: TenantArguments,
}

/// See what a tenant used, by day, as JSON.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  agent-factory usage --from 2026-11-01 --to 2026-11-30

Days are of UTC. The sums outlive the receipts they are made of.")]
pub(super) struct UsageArguments {
    /// The first day [default: 30 days in all].
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day [default: today].
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    #[command(flatten)]
    of: TenantArguments,
}

/// List receipts.
pub(super) async fn receipt(command: ReceiptCommand) -> anyhow::Result<()> {
    let ReceiptCommand::List(wanted) = command;
    let (client, tenant) = wanted.of.client().await?;
    let asked = [
        ("messageId", &wanted.message),
        ("agentKey", &wanted.agent),
        ("skill", &wanted.skill),
        ("outcome", &wanted.outcome),
    ];
    let query: Vec<(&str, &str)> = asked
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    let path = ["tenants", &tenant, "receipts"];
    let show = |receipt: &Value| {
        if wanted.json {
            print::json(receipt)
        } else {
            print::row(&row(receipt))
        }
    };
    if pages::each(&client, &path, &query, "receipts", wanted.limit, show).await? {
        print::note("there are more; --limit says how many to list")?;
    }
    Ok(())
}

fn row(receipt: &Value) -> String {
    let text = |key: &str| receipt.get(key).and_then(Value::as_str).unwrap_or("-");
    let number = |key: &str| receipt.get(key).and_then(Value::as_u64).unwrap_or(0);
    let of = |pointer: &str| receipt.pointer(pointer).and_then(Value::as_str);
    let ran = match (
        of("/invocation/kind"),
        of("/invocation/skill"),
        of("/invocation/tool"),
    ) {
        (_, Some(skill), Some(tool)) => format!("{skill}/{tool}"),
        (Some("model"), ..) => of("/invocation/model").unwrap_or("model").to_owned(),
        (kind, ..) => kind.unwrap_or("-").to_owned(),
    };
    let limit = of("/endedBy/limit").map_or_else(String::new, |limit| {
        let value = receipt.pointer("/endedBy/value").and_then(Value::as_u64);
        format!("  {limit} {}", value.unwrap_or(0))
    });
    format!(
        "{}  {}  {:16}  {:24}  {:11}  {:>10} us  {:>10} us cpu  {:>10} bytes{limit}",
        number("createdAt"),
        text("messageId"),
        text("agentKey"),
        ran,
        text("outcome"),
        number("durationUs"),
        number("cpuUs"),
        number("memoryPeakBytes"),
    )
}

/// Print what a tenant used.
pub(super) async fn usage(wanted: UsageArguments) -> anyhow::Result<()> {
    let (client, tenant) = wanted.of.client().await?;
    let asked = [("from", &wanted.from), ("to", &wanted.to)];
    let query: Vec<(&str, &str)> = asked
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    let answer = client.get(&["tenants", &tenant, "usage"], &query).await?;
    print::json(&answer)
}
