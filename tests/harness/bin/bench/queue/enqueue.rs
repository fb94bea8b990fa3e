//! How many messages are accepted a second, and how long one call takes.

use super::Arguments;
use super::drain::millis;
use super::message::{Message, round_robin};
use super::stage::{At, Stage};
use crate::line::Figure;
use futures_util::future::try_join_all;
use serde_json::json;
use std::time::Instant;

/// Messages of a call, and callers at once.
const CASES: [(usize, u32); 2] = [(1, 16), (100, 4)];

pub(super) async fn run(at: At, arguments: &Arguments) -> anyhow::Result<()> {
    let (database, plane) = at;
    for (batch, callers) in CASES {
        let Some(stage) = Stage::new(at).await? else {
            return Ok(());
        };
        let keys = arguments.keys.first().copied().unwrap_or(1_000);
        eprintln!("bench: queue, enqueue by {batch}, {plane:?} on {database:?}");
        // A conversation is one caller's: its order is the order of the calls.
        let mut lanes: Vec<Vec<Message>> = vec![Vec::new(); callers as usize];
        for message in round_robin(arguments.messages, keys) {
            let lane = (message.place % keys % callers) as usize;
            lanes[lane].push(message);
        }
        let producer = stage.producer().await;
        let begun = Instant::now();
        let calls = lanes.iter().map(|lane| async {
            let mut calls = Vec::new();
            for messages in lane.chunks(batch) {
                let start = Instant::now();
                producer.enqueue(messages).await?;
                calls.push(millis(start.elapsed()));
            }
            anyhow::Ok(calls)
        });
        let calls: Vec<f64> = try_join_all(calls).await?.concat();
        let rate = f64::from(arguments.messages) / begun.elapsed().as_secs_f64();
        let params = json!({
            "keys": keys, "messages": arguments.messages, "batch": batch, "callers": callers,
            "database": database.name(), "plane": plane.name(),
        });
        Figure::new("queue", "enqueue", params, "messages/s", calls)
            .valued(rate)
            .print();
    }
    Ok(())
}
