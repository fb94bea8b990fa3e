//! A whole run: producers, workers and chaos, until every message is settled, and what was noted.

use super::chance::Chance;
use super::chaos::{self, Disturbance};
use super::history::{End, History, State};
use super::producer::Producer;
use super::recorder::Recorder;
use super::site::{Site, Tenant};
use super::worker::Worker;
use crate::postgres::OwnServer;
use agent_factory::remote::ArtifactCache;
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a run may take until whatever is not settled counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many messages are asked about at once in the end.
const ASKED_AT_ONCE: usize = 16;

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
    let all = async {
        let disturbed = chaos::disturb(&site, database, &recorder, disturbances, total, chaos);
        let produced = async { while let Some(done) = producers.join_next().await {
            done.expect("a producer that ends well");
        } };
        tokio::join!(disturbed, produced);
        let sent = acknowledged(&recorder.history());
        let asking: Vec<_> = sent.into_iter().collect();
        for some in asking.chunks(ASKED_AT_ONCE) {
            let seen = some.iter().map(|(message, conversation)| {
                settled(&site, &recorder, message, conversation, Chance::new(seed))
            });
            join_all(seen).await;
        }
        tell(&site, &recorder, Chance::new(seed)).await;
    };
    let ended = tokio::time::timeout(PATIENCE, all);
    // A worker that panics has seen something that no answer should be.
    let ended = tokio::select! {
        ended = ended => ended,
        Some(failed) = workers.join_next() => panic!("a worker ended early: {failed:?}"),
    };
    if ended.is_err() {
        eprintln!("not all was settled in {PATIENCE:?}");
    }
    stop.cancel();
    while let Some(done) = workers.join_next().await {
        done.expect("a worker that ends well");
    }
    recorder.history()
}

/// Every acknowledged message, with its conversation.
fn acknowledged(history: &History) -> BTreeMap<String, String> {
    let enqueues = history.enqueues.iter();
    let answered = enqueues.filter_map(|enqueue| {
        let (_, message) = enqueue.answer.as_ref()?;
        Some((message.clone(), enqueue.conversation.clone()))
    });
    answered.collect()
}

/// Wait until a message is settled, and note how.
async fn settled(
    site: &Site,
    recorder: &Recorder,
    message: &str,
    conversation: &str,
    mut chance: Chance,
) {
    let (tenant, _) = conversation.split_once('/').expect("a tenant's");
    let tenant = named(site, tenant);
    let path = format!("/v1/tenants/{}/messages/{message}?waitMs=5000", tenant.name);
    loop {
        let said = get(site, tenant, &path, &mut chance).await;
        let state = match said["status"].as_str() {
            Some("done") => State::Done,
            Some("dead_letter") => State::DeadLetter,
            _ => continue,
        };
        let message = message.to_owned();
        return recorder.ended(End { message, state });
    }
}

/// Note what every conversation's history holds.
async fn tell(site: &Site, recorder: &Recorder, mut chance: Chance) {
    let history = recorder.history();
    let conversations: BTreeSet<_> = history.enqueues.iter().map(|it| &it.conversation).collect();
    for conversation in conversations {
        let (tenant, name) = conversation.split_once('/').expect("a tenant's");
        let tenant = named(site, tenant);
        let path = format!("/v1/tenants/{}/conversations/{name}?limit=100", tenant.name);
        let mut messages = Vec::new();
        let mut page = path.clone();
        loop {
            let said = get(site, tenant, &page, &mut chance).await;
            for entry in said["messages"].as_array().into_iter().flatten() {
                messages.push(entry["messageId"].as_str().expect("an id").to_owned());
            }
            let Some(cursor) = said["nextCursor"].as_str() else {
                break;
            };
            page = format!("{path}&cursor={cursor}");
        }
        // The latest came first.
        messages.reverse();
        recorder.told(conversation, messages);
    }
}

fn named<'s>(site: &'s Site, name: &str) -> &'s Tenant {
    let mut tenants = site.tenants.iter();
    tenants.find(|tenant| tenant.name == name).expect("a tenant")
}

/// Ask until something is answered.
async fn get(site: &Site, tenant: &Tenant, path: &str, chance: &mut Chance) -> Value {
    let client = reqwest::Client::new();
    loop {
        let url = site.url(chance);
        let request = client.get(format!("{url}{path}")).bearer_auth(&tenant.token);
        let answer = request.timeout(Duration::from_secs(15)).send().await;
        if let Ok(answer) = answer
            && answer.status().is_success()
            && let Ok(said) = answer.json().await
        {
            return said;
        }
        tokio::task::yield_now().await;
    }
}
