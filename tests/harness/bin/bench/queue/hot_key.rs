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
use anyhow::bail;
use serde_json::json;

/// Conversations of one message each.
const COLD: u32 = 5_000;

/// Runs of each; the rate is the middle one's.
const RUNS: usize = 3;

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
    let (database, plane) = at;
    let sizes = [0, arguments.hot];
    let mut runs = [Vec::new(), Vec::new()];
    // By turns, so that what else the machine does falls on both.
    for _ in 0..RUNS {
        for (hot, runs) in sizes.iter().zip(&mut runs) {
            let Some(drained) = measure(at, *hot, at_once).await? else {
                return Ok(());
            };
            runs.push(drained);
        }
    }
    let figures = sizes.iter().zip(runs).map(|(hot, runs)| {
        let params = json!({
            "hot": hot, "keys": COLD, "runs": RUNS, "batch": BATCH, "claimers": at_once,
            "database": database.name(), "plane": plane.name(),
        });
        let mut rates: Vec<f64> = runs.iter().map(Drained::rate).collect();
        rates.sort_by(f64::total_cmp);
        let waits = runs.into_iter().flat_map(|run| run.waits).collect();
        Figure::new("queue", "hot_key", params, "messages/s", waits).valued(rates[rates.len() / 2])
    });
    let figures: Vec<Figure> = figures.collect();
    let [without, with] = &figures[..] else {
        bail!("two figures");
    };
    without.print();
    // Of the waits' 99th percentiles: that is what the others feel.
    with.print_ratio("p99 of no hot key", with.p99() / without.p99());
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
