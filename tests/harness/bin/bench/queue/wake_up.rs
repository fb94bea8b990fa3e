//! How soon a waiting claim has a message that comes in: on PostgreSQL through another control plane, which tells by
//! notification.

use super::drain::millis;
use super::message::Message;
use super::stage::{At, Database, Stage};
use crate::line::Figure;
use anyhow::ensure;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages.
const MESSAGES: u32 = 200;

/// How long a claim is let wait before the message comes, so that it waits indeed: nothing tells that it does.
const SETTLE: Duration = Duration::from_millis(25);

/// A claim's patience: far beyond what is measured, and below a worker's.
const WAIT: Duration = Duration::from_secs(10);

pub(super) async fn run(at: At) -> anyhow::Result<()> {
    let (database, plane) = at;
    let Some(stage) = Stage::new(at).await? else {
        return Ok(());
    };
    eprintln!("bench: queue, wake-up, {plane:?} on {database:?}");
    // SQLite has one control plane.
    let other = match database {
        Database::Sqlite => None,
        Database::Postgres => Some(stage.another().await),
    };
    let claimer = stage.claimers(1).await?.remove(0);
    let producer = other.as_ref().unwrap_or(&stage).producer().await;
    let mut samples = Vec::new();
    for place in 0..MESSAGES {
        let waiting = Arc::clone(&claimer);
        let claim = tokio::spawn(async move {
            let leases = waiting.await_work(1, WAIT).await?;
            anyhow::Ok((leases, Instant::now()))
        });
        tokio::time::sleep(SETTLE).await;
        let message = Message::new(&format!("key-{place}"), place);
        let sent = Instant::now();
        producer.enqueue(&[message]).await?;
        let (leases, woken) = claim.await??;
        ensure!(leases.len() == 1, "a claim waited in vain");
        samples.push(millis(woken.saturating_duration_since(sent)));
        claimer.complete(leases).await?;
    }
    let params = json!({
        "messages": MESSAGES, "planes": 1 + u32::from(other.is_some()),
        "database": database.name(), "plane": plane.name(),
        "from": "the call that enqueues",
    });
    Figure::new("queue", "wake_up", params, "ms", samples).print();
    Ok(())
}
