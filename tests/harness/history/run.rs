//! A whole run: producers, workers and chaos, until every message is settled, and what was noted.

use super::chance::Chance;
use super::chaos::{self, Disturbance};
use super::events::{History, Trouble};
use super::observer::Observer;
use super::producer::Producer;
use super::recorder::Recorder;
use super::site::Site;
use super::worker::Worker;
use crate::postgres::OwnServer;
use agent_factory::remote::ArtifactCache;
use futures_util::future::join;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a run may take until whatever is not settled counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Of each tenant.
    pub conversations: usize,
    /// From each of two producers to each conversation.
    pub messages: usize,
    /// Machines with a worker each.
    pub workers: usize,
}

impl Load {
    fn total(self, tenants: usize) -> usize {
        2 * tenants * self.conversations * self.messages
    }
}

/// Let everything happen that `seed` says, and answer what was seen of it.
pub async fn run(
    site: Arc<Site>,
    database: Option<&OwnServer>,
    load: Load,
    disturbances: &[Disturbance],
    seed: u64,
) -> History {
    let mut chance = Chance::new(seed);
    let recorder = Recorder::new(site.lease);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = ArtifactCache::open(folder.path(), 1 << 20).expect("a cache");
    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    for _ in 0..load.workers {
        let worker = Worker {
            site: Arc::clone(&site),
            recorder: recorder.clone(),
            chance: chance.fork(),
            cache: cache.clone(),
        };
        workers.spawn(worker.run(stop.clone()));
    }
    let mut producers = JoinSet::new();
    for tenant in &site.tenants {
        for number in 0..2 {
            let producer = Producer {
                site: Arc::clone(&site),
                recorder: recorder.clone(),
                chance: chance.fork(),
                tenant: tenant.clone(),
                name: format!("p{number}"),
                conversations: (0..load.conversations).map(|at| format!("c{at}")).collect(),
                messages: load.messages,
            };
            producers.spawn(producer.run());
        }
    }
    let total = load.total(site.tenants.len());
    let chaos = chance.fork();
    let disturbed = chaos::disturb(&site, database, &recorder, disturbances, total, chaos);
    let observed = async {
        while let Some(done) = producers.join_next().await {
            done.expect("a producer that ends well");
        }
        let observer = Observer::new(&site, &recorder, Chance::new(seed));
        observer.settled().await;
        observer.told().await;
    };
    let ended = tokio::select! {
        // What began to disturb it ends, however little there is left to do.
        ended = tokio::time::timeout(PATIENCE, join(observed, disturbed)) => ended,
        // One that panics has seen something that no answer should be.
        failed = workers.join_next() => panic!("a worker ended early: {failed:?}"),
    };
    if ended.is_err() {
        eprintln!("not all was settled in {PATIENCE:?}");
    }
    stop.cancel();
    while let Some(done) = workers.join_next().await {
        done.expect("a worker that ends well");
    }
    let cuts = site.fronts.iter().map(|front| front.wire().cuts());
    recorder.troubles(Trouble::AnswerLost, cuts.sum());
    recorder.history()
}
