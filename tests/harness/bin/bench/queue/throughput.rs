//! How many messages are claimed and completed a second, in strict order within each conversation.

use super::Arguments;
use super::drain::drain;
use super::ledger::Ledger;
use super::message::round_robin;
use super::peers::{Peers, Theirs};
use super::stage::{At, Database, Stage};
use crate::line::Figure;
use serde_json::json;

/// Messages that are done before anything is measured.
const WARM_UP: u32 = 2_000;

/// Runs that are measured; the rate is the middle one's.
const RUNS: u32 = 3;

/// Claims of a few messages take so much longer than those of many that a part of the messages tells as much; the peers' too.
const SMALL: u32 = 100;

/// That part.
const PART: u32 = 4;

/// Claimers at once, the best of those tried on two cores, as the peers have it: many share a commit where a claim is one
/// message; where it is many, more than a few find each other's conversations locked.
pub(super) const fn claimers(batch: u32) -> u32 {
    if batch < 10 { 16 } else { 4 }
}

pub(super) async fn run(
    at: At,
    arguments: &Arguments,
    peers: Option<&Peers>,
) -> anyhow::Result<()> {
    let (database, plane) = at;
    let peers = peers.filter(|_| database == Database::Postgres);
    for &keys in &arguments.keys {
        let theirs = match peers {
            Some(peers) => peers.claim_complete(arguments.messages, keys).await?,
            None => Vec::new(),
        };
        for &batch in &arguments.batch {
            let Some(stage) = Stage::new(at).await? else {
                return Ok(());
            };
            let at_once = arguments.claimers.unwrap_or(claimers(batch));
            eprintln!(
                "bench: queue, claim and complete by {batch} of {keys}, {plane:?} on {database:?}"
            );
            let claimers = stage.claimers(at_once).await?;
            let count = if batch < SMALL {
                arguments.messages / PART
            } else {
                arguments.messages
            };
            let (mut rates, mut rounds) = (Vec::new(), Vec::new());
            for run in 0..=RUNS {
                let count = if run == 0 { WARM_UP.min(count) } else { count };
                let (messages, ledger) = (round_robin(count, keys), Ledger::default());
                stage.load(&messages, Some(&ledger)).await?;
                let drained = drain(&claimers, batch, messages.len(), |_| true, &ledger).await?;
                ledger.check(true)?;
                if run > 0 {
                    rates.push(drained.rate());
                    rounds.extend(drained.rounds);
                }
            }
            rates.sort_by(f64::total_cmp);
            let rate = rates[rates.len() / 2];
            let params = json!({
                "keys": keys, "messages": count, "runs": RUNS, "batch": batch, "claimers": at_once,
                "database": database.name(), "plane": plane.name(),
            });
            let figure =
                Figure::new("queue", "claim_complete", params, "messages/s", rounds).valued(rate);
            let alike = |peer: &&Theirs| peer.batch == u64::from(batch);
            match (best(theirs.iter()), best(theirs.iter().filter(alike))) {
                (Some(best), Some(alike)) if alike.batch != best.batch => {
                    figure.print_ratio(&best.name, rate / best.rate);
                    figure.print_ratio(&alike.name, rate / alike.rate);
                }
                (Some(best), _) => figure.print_ratio(&best.name, rate / best.rate),
                (None, _) => figure.print(),
            }
        }
    }
    Ok(())
}

fn best<'p>(peers: impl Iterator<Item = &'p Theirs>) -> Option<&'p Theirs> {
    peers.max_by(|one, other| one.rate.total_cmp(&other.rate))
}
