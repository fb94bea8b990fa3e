//! Everybody at once on PostgreSQL: batches over several agents, claims, settlements, cancellations, pauses, replays and
//! sweeps, each in the way of the others. Nothing may be lost or stuck, and no transaction may have to be begun again: locks are
//! taken in one order (`host/decisions/0006`).
//!
//! `AGENT_FACTORY_TEST_STRESS=20` makes it twenty times as long.

mod actors;

use super::driver::Driver;
use super::whole::assert_whole;
use actors::{Actor, Ledger};
use agent_factory_tests::database::TestDatabase;
use agent_factory_tests::history::Chance;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const PRODUCERS: usize = 4;
const WORKERS: usize = 6;
const PEOPLE: usize = 4;
/// Batches of each producer.
const BATCHES: usize = 120;
/// Deeds of each person.
const DEEDS: usize = 150;
/// How long all of it may take before the test takes it for stuck.
const PATIENCE: Duration = Duration::from_secs(150);

fn times() -> usize {
    let times = std::env::var_os("AGENT_FACTORY_TEST_STRESS");
    times.map_or(1, |times| {
        let times = times.to_str().and_then(|times| times.parse().ok());
        times.expect("AGENT_FACTORY_TEST_STRESS is a number")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_workers_and_producers_do_at_once_nothing_is_lost_or_stuck_or_in_a_deadlock()
 {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    for tenant in actors::TENANTS {
        for agent in actors::AGENTS {
            test.agent(tenant, agent).await;
        }
    }
    let queue = Arc::new(Driver::new(test).await);
    let ledger = Arc::new(Ledger::default());
    let mut chance = Chance::new(7);
    let (mut coming, mut working) = (JoinSet::new(), JoinSet::new());
    let (stop, times) = (CancellationToken::new(), times());
    let mut number = 0;
    let mut actor = async || {
        number += 1;
        Actor::start(&queue, &ledger, number, chance.fork()).await
    };
    for _ in 0..PRODUCERS {
        let producer = actor().await;
        coming.spawn(producer.produce(BATCHES * times));
    }
    for _ in 0..PEOPLE {
        let person = actor().await;
        coming.spawn(person.meddle(DEEDS * times));
    }
    for _ in 0..WORKERS {
        let worker = actor().await;
        working.spawn(worker.work(stop.clone()));
    }
    let last = actor().await;
    let time = {
        let (queue, stop) = (Arc::clone(&queue), stop.clone());
        async move {
            while !stop.is_cancelled() {
                queue.test.advance(Duration::from_millis(20)).await;
            }
        }
    };
    working.spawn(time);
    let observer = {
        let (queue, stop) = (Arc::clone(&queue), stop.clone());
        async move {
            while !stop.is_cancelled() {
                assert_whole(&queue.test).await;
            }
        }
    };
    working.spawn(observer);
    let all = async {
        while let Some(done) = coming.join_next().await {
            done.expect("it ends well");
        }
        stop.cancel();
        while let Some(done) = working.join_next().await {
            done.expect("it ends well");
        }
        last.settle_everything(&queue).await;
    };
    tokio::time::timeout(PATIENCE * u32::try_from(times).unwrap(), all)
        .await
        .expect("nothing is stuck");
    ledger.balances(&queue).await;
}
