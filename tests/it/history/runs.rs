//! Runs of the history checker on each database.
//!
//! A seed says what everybody does; what comes of it depends on the moment too. `AGENT_FACTORY_TEST_HISTORY_ROUNDS=20
//! cargo test --workspace --test it history::runs::on_sqlite` makes twenty runs with a seed each.

use agent_factory_tests::history::{Disturbance, Load, Site, Trouble, check, run};
use agent_factory_tests::installation::Installation;
use agent_factory_tests::postgres::OwnServer;
use std::sync::Arc;
use std::time::Duration;

use Disturbance::{Freeze, Kill, RestartDatabase};

const LEASE: Duration = Duration::from_secs(2);
const TENANTS: [&str; 2] = ["ada", "bob"];
const LOAD: Load = Load {
    conversations: 10,
    messages: 5,
    workers: 24,
};

/// How many runs a test makes, each with a seed of its own; more for a soak.
fn rounds() -> u64 {
    let rounds = std::env::var_os("AGENT_FACTORY_TEST_HISTORY_ROUNDS");
    rounds.map_or(1, |rounds| {
        let rounds = rounds.to_str().and_then(|rounds| rounds.parse().ok());
        rounds.expect("AGENT_FACTORY_TEST_HISTORY_ROUNDS is a number")
    })
}

async fn holds(site: Site, database: Option<&OwnServer>, disturbances: &[Disturbance], seed: u64) {
    println!("seed {seed}");
    let site = Arc::new(site);
    let began = std::time::Instant::now();
    let history = run(Arc::clone(&site), database, LOAD, disturbances, seed).await;
    println!(
        "{:?}: {} sent, {} leases, {} uses, {:?}",
        began.elapsed(),
        history.enqueues.len(),
        history.claims.len(),
        history.uses.len(),
        history.trouble
    );
    let times = |trouble| history.trouble.get(&trouble).copied().unwrap_or(0);
    for (disturbance, trouble) in [
        (Kill, Trouble::PlaneKilled),
        (Freeze, Trouble::PlaneFrozen),
        (RestartDatabase, Trouble::DatabaseRestarted),
    ] {
        let wanted = disturbances.iter().filter(|wanted| **wanted == disturbance);
        assert_eq!(times(trouble), wanted.count(), "{trouble:?}");
    }
    for trouble in [
        Trouble::AnswerLost,
        Trouble::WorkerDied,
        Trouble::WorkerStalled,
    ] {
        assert!(times(trouble) > 0, "there was no {trouble:?}");
    }
    if let Err(violation) = check(&history) {
        let mut all = format!("{history:#?}\n");
        for front in &site.fronts {
            all.push_str(&front.log_text().await);
        }
        let path = format!("{}/history-{seed}.txt", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, all).expect("a file");
        panic!("seed {seed}: {violation}; all of it is in {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_a_history_with_kills_and_losses_keeps_every_promise() {
    for seed in 1..=rounds() {
        let site = Site::start(Installation::sqlite(), 1, &TENANTS, LEASE, &[]).await;
        holds(site, None, &[Kill; 4], seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_a_history_with_kills_and_frozen_planes_keeps_every_promise() {
    for seed in 1..=rounds() {
        let Some(installation) = Installation::postgres().await else {
            return;
        };
        let site = Site::start(installation, 2, &TENANTS, LEASE, &[]).await;
        holds(site, None, &[Kill, Freeze, Kill], seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_a_history_with_a_restart_of_the_database_keeps_every_promise() {
    for seed in 1..=rounds() {
        let Some(server) = OwnServer::start().await else {
            return;
        };
        let installation = Installation::on(server.database().await);
        let site = Site::start(installation, 2, &TENANTS, LEASE, &[]).await;
        holds(site, Some(&server), &[Kill, RestartDatabase, Kill], seed).await;
    }
}
