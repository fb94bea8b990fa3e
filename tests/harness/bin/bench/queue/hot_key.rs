//! How long the messages of other conversations wait with a busy one before them, against the same without it.

use super::Arguments;
use super::drain::{Drained, drain};
use super::ledger::Ledger;
use super::message::{Message, named_round_robin};
use super::peers::Peers;
use super::stage::{At, Database, Plane, Stage};
use super::throughput::claimers;
use crate::line::Figure;
use agent_factory::domain::ConversationId;
use serde_json::json;

/// Conversations of one message each.
const COLD: u32 = 5_000;

/// Messages of one claim.
const BATCH: u32 = 100;

pub(super) async fn run(
    at: At,
    arguments: &Arguments,
    peers: Option<&Peers>,
) -> anyhow::Result<()> {
    if let Some(peers) = peers.filter(|_| at == (Database::Postgres, Plane::Store)) {
        peers.hot_key(COLD).await?;
    }
    let at_once = arguments.claimers.unwrap_or(claimers(BATCH));
    let mut without: Option<Figure> = None;
    for hot in [0, arguments.hot] {
        let Some(drained) = measure(at, hot, at_once).await? else {
            return Ok(());
        };
        let (database, plane) = at;
        let params = json!({
            "hot": hot, "keys": COLD, "batch": BATCH, "claimers": at_once,
            "database": database.name(), "plane": plane.name(),
        });
        let rate = drained.rate();
        let figure =
            Figure::new("queue", "hot_key", params, "messages/s", drained.waits).valued(rate);
        match &without {
            None => figure.print(),
            // Of the waits' 99th percentiles: that is what the others feel.
            Some(base) => figure.print_ratio("p99 of no hot key", figure.p99() / base.p99()),
        }
        without.get_or_insert(figure);
    }
    Ok(())
}

async fn measure(at: At, hot: u32, at_once: u32) -> anyhow::Result<Option<Drained>> {
    let Some(stage) = Stage::new(at).await? else {
        return Ok(None);
    };
    let (database, plane) = at;
    eprintln!("bench: queue, {COLD} behind {hot} of one, {plane:?} on {database:?}");
    let claimers = stage.claimers(at_once).await?;
    let ledger = Ledger::default();
    // Programs, caches and connections are warm in both.
    let warm_up = named_round_robin("warm-up", COLD, COLD);
    stage.load(&warm_up, Some(&ledger)).await?;
    drain(&claimers, BATCH, warm_up.len(), |_| true, &ledger).await?;
    let hot_ones: Vec<Message> = (0..hot).map(|place| Message::new("hot", place)).collect();
    stage.load(&hot_ones, Some(&ledger)).await?;
    let cold = named_round_robin("cold", COLD, COLD);
    stage.load(&cold, Some(&ledger)).await?;
    let is_cold = |id: &ConversationId| id.as_str().starts_with("cold");
    let drained = drain(&claimers, BATCH, cold.len(), is_cold, &ledger).await?;
    ledger.check(false)?;
    Ok(Some(drained))
}
