//! What a claim costs by what else is stored: messages that wait, conversations whose time has not come, messages that
//! are done.

use super::Arguments;
use super::claimer::Claimer;
use super::drain::{drain, millis};
use super::ledger::Ledger;
use super::message::{MUCH_LATER, Message, named_round_robin, round_robin};
use super::producer::Producer;
use super::stage::{Database, Plane, Stage};
use crate::line::Figure;
use serde_json::json;
use std::time::Instant;

/// Messages of one claim.
const BATCH: u32 = 20;

/// Claims that are measured.
const CLAIMS: u32 = 500;

/// Messages of each conversation.
const DEPTH: u32 = 10;

/// A thousand messages wait, and beside them ...
enum Beside {
    /// ... nothing.
    Nothing,
    /// ... as many more as make up this number.
    Backlog(u32),
    /// ... so many conversations of the highest priority whose time has not come.
    Future(u32),
    /// ... so many messages that are done.
    Finished(u32),
}

const SMALLEST: u32 = 1_000;

pub(super) async fn run(database: Database, arguments: &Arguments) -> anyhow::Result<()> {
    let mut base: Option<Figure> = None;
    let mut cases = vec![
        Beside::Nothing,
        Beside::Backlog(arguments.crowd),
        Beside::Future(arguments.crowd),
        Beside::Finished(arguments.crowd),
    ];
    if arguments.full {
        cases.push(Beside::Backlog(1_000_000));
    }
    for beside in cases {
        let Some(figure) = measure(database, &beside).await? else {
            return Ok(());
        };
        match &base {
            None => figure.print(),
            Some(base) => {
                figure.print_ratio("backlog of 1000", figure.median() / base.median());
            }
        }
        base.get_or_insert(figure);
    }
    Ok(())
}

async fn measure(database: Database, beside: &Beside) -> anyhow::Result<Option<Figure>> {
    let Some(stage) = Stage::new((database, Plane::Store)).await? else {
        return Ok(None);
    };
    let claimers = stage.claimers(1).await?;
    let (backlog, future, finished) = match beside {
        Beside::Nothing => (SMALLEST, 0, 0),
        Beside::Backlog(messages) => (*messages, 0, 0),
        Beside::Future(crowd) => (SMALLEST, *crowd, 0),
        Beside::Finished(crowd) => (SMALLEST, 0, *crowd),
    };
    eprintln!(
        "bench: queue, backlog of {backlog}, {future} to come, {finished} done, on {database:?}"
    );
    if finished > 0 {
        let (done, ledger) = (round_robin(finished, finished / DEPTH), Ledger::default());
        stage.load(&done, Some(&ledger)).await?;
        drain(&claimers, 256, done.len(), |_| true, &ledger).await?;
    }
    let to_come = named_round_robin("future", future, future.max(1))
        .into_iter()
        .map(|message| Message {
            priority: Some(100),
            scheduled_for: Some(MUCH_LATER),
            ..message
        });
    stage.load(&to_come.collect::<Vec<_>>(), None).await?;
    stage
        .load(&round_robin(backlog, backlog / DEPTH), None)
        .await?;
    let samples = claims(&claimers[0], &Producer::of_store(stage.app()), backlog).await?;
    let params = json!({
        "backlog": backlog, "future": future, "finished": finished, "batch": BATCH,
        "claims": CLAIMS, "database": database.name(), "plane": Plane::Store.name(),
    });
    Ok(Some(Figure::new("queue", "backlog", params, "ms", samples)))
}

/// The time of each claim. What was claimed is completed, and as much is enqueued anew, so that the backlog stays.
async fn claims(claimer: &Claimer, producer: &Producer, backlog: u32) -> anyhow::Result<Vec<f64>> {
    let mut samples = Vec::new();
    for claim in 0..CLAIMS {
        let start = Instant::now();
        let leases = claimer.claim(BATCH).await?;
        samples.push(millis(start.elapsed()));
        let place = backlog + claim * BATCH;
        let anew = (place..).zip(&leases);
        let anew: Vec<Message> = anew
            .map(|(place, lease)| Message::new(lease.conversation_id.as_str(), place))
            .collect();
        claimer.complete(leases).await?;
        producer.enqueue(&anew).await?;
    }
    Ok(samples)
}
