//! A worker that runs nothing, and dies, stalls and repeats itself instead.

use super::chance::Chance;
use super::events::{Claim, Lease, Moment};
use super::recorder::Recorder;
use super::site::Site;
use super::turn::{Fate, Turn};
use agent_factory::clock::Ids;
use agent_factory::control::{ClaimRequest, ClaimedTurn, ControlError};
use agent_factory::domain::SecretValue;
use agent_factory::remote::{Addresses, ArtifactCache, Joined, RemoteControl, RemoteSettings};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a worker waits for an answer before it asks elsewhere.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Between a request that came to nothing and its repeat.
pub(super) const PAUSE: Duration = Duration::from_millis(25);
/// How long a claim waits for work.
const WAIT: Duration = Duration::from_millis(400);

/// One machine on which one worker lives after another.
pub struct Worker {
    /// Where.
    pub site: Arc<Site>,
    /// What it notes.
    pub recorder: Recorder,
    /// What it chooses by.
    pub chance: Chance,
    /// For components, of which it asks none.
    pub cache: ArtifactCache,
}

impl Worker {
    /// Live until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(joined) = self.join(&stop).await {
                self.live(&joined, &stop).await;
            }
        }
    }

    /// Make a new worker known, under a new id; none where no control plane answers.
    async fn join(&mut self, stop: &CancellationToken) -> Option<Joined> {
        let urls = self.site.urls(&mut self.chance);
        let settings = RemoteSettings {
            addresses: Addresses::parse(&urls, false).expect("addresses"),
            token: SecretValue::from(self.site.worker_token.clone()),
            worker_id: Ids::system().worker().expect("an id"),
            connect_timeout: TIMEOUT,
            request_timeout: TIMEOUT,
            artifact_max: 1 << 20,
        };
        let remote = Arc::new(RemoteControl::new(settings).expect("a client"));
        let joining = remote.join(Ids::system(), self.cache.clone(), stop.clone());
        let joined = joining.await.ok();
        if joined.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        joined
    }

    /// Claim and settle until something kills it.
    async fn live(&mut self, joined: &Joined, stop: &CancellationToken) {
        let mut first_asked: Option<Moment> = None;
        while !stop.is_cancelled() {
            let id = joined.worker_id.to_string();
            if self.chance.one_in(8) {
                self.site.lose_answer(&id, &mut self.chance);
            }
            let request = ClaimRequest {
                worker_id: joined.worker_id.clone(),
                pool: joined.pool.clone(),
                max: u32::try_from(1 + self.chance.below(4)).expect("a number"),
                in_flight: 0,
                wait: WAIT,
                claim: None,
            };
            let asked = self.recorder.now();
            let since = *first_asked.get_or_insert(asked);
            let claiming = joined.control.claim(request);
            let claimed = if self.chance.one_in(40) {
                // It dies while it asks: perhaps before, perhaps after it was given something.
                let soon = Duration::from_millis(self.chance.below(60));
                match tokio::time::timeout(soon, claiming).await {
                    Ok(claimed) => claimed,
                    Err(_) => return,
                }
            } else {
                claiming.await
            };
            let turns = match claimed {
                Ok(claims) => claims.turns,
                Err(ControlError::Unavailable(_)) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(refused) => panic!("a claim was refused: {refused}"),
            };
            first_asked = None;
            let answered = self.recorder.now();
            for turn in &turns {
                self.recorder.claimed(Claim {
                    lease: named(turn),
                    worker: id.clone(),
                    first_asked: since,
                    asked,
                    answered,
                    lease_for: turn.lease_for,
                });
            }
            if self.work(joined, turns).await.is_err() {
                return;
            }
        }
    }

    /// Do what each turn's fate is, all at once; an error where one of them was its worker's death.
    async fn work(&mut self, joined: &Joined, turns: Vec<ClaimedTurn>) -> Result<(), Died> {
        let died = CancellationToken::new();
        let turns = turns.into_iter().map(|claimed| {
            let mut chance = self.chance.fork();
            let fate = Fate::drawn(self.recorder.next_turn(), &mut chance);
            let turn = Turn {
                site: Arc::clone(&self.site),
                recorder: self.recorder.clone(),
                chance,
                control: Arc::clone(&joined.control),
                worker_id: joined.worker_id.clone(),
                name: named(&claimed),
                lease_for: claimed.lease_for,
                lease: claimed.lease,
                death: died.clone(),
            };
            turn.run(fate)
        });
        let all = died.run_until_cancelled(join_all(turns)).await;
        all.map(drop).ok_or(Died)
    }
}

/// The worker is gone, and all it held with it.
struct Died;

fn named(turn: &ClaimedTurn) -> Lease {
    let lease = &turn.lease;
    Lease {
        conversation: format!("{}/{}", lease.tenant_id, lease.conversation_id),
        fence: u64::try_from(lease.fence.0).expect("a fence"),
        message: lease.message_id.to_string(),
    }
}
