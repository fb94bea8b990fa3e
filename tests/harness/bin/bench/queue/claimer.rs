//! Those who claim and complete.

use agent_factory::app::App;
use agent_factory::clock::Ids;
use agent_factory::control::{self, Completion, ControlPlane};
use agent_factory::domain::{Lease, Pool, WorkerId};
use agent_factory::queue::{self, ClaimRequest, Policy};
use agent_factory::remote::Joined;
use agent_factory::store::{Db, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A worker without turns.
pub(super) struct Claimer {
    worker_id: WorkerId,
    pool: Pool,
    control: Arc<dyn ControlPlane>,
    /// Where it takes the store's operations, not the control plane's.
    store: Option<Store>,
    _cache: Option<tempfile::TempDir>,
}

struct Store {
    db: Db,
    policy: Policy,
    ids: Ids,
}

impl Claimer {
    pub(super) fn of_store(app: &App) -> anyhow::Result<Self> {
        Ok(Self {
            worker_id: app.ids.worker()?,
            pool: Pool::default(),
            control: Arc::new(app.control(CancellationToken::new())),
            store: Some(Store {
                db: app.db.clone(),
                policy: app.queue_policy(),
                ids: app.ids.clone(),
            }),
            _cache: None,
        })
    }

    pub(super) fn of_http(joined: Joined, cache: tempfile::TempDir) -> Self {
        Self {
            worker_id: joined.worker_id,
            pool: joined.pool,
            control: joined.control,
            store: None,
            _cache: Some(cache),
        }
    }

    /// What there is to do now, at most `max`.
    pub(super) async fn claim(&self, max: u32) -> anyhow::Result<Vec<Lease>> {
        let Some(Store { db, policy, ids }) = &self.store else {
            return self.await_work(max, Duration::ZERO).await;
        };
        let request = ClaimRequest {
            worker_id: self.worker_id.clone(),
            pool: self.pool.clone(),
            max,
            in_flight: 0,
            claim: None,
        };
        let (policy, ids) = (policy.clone(), ids.clone());
        let batch = db.write(move |tx| {
            Box::pin(async move { queue::claim(tx, &policy, &ids, &request).await })
        });
        let claimed = batch.await?.claimed;
        Ok(claimed.into_iter().map(|message| message.lease).collect())
    }

    /// The same, or the first that comes within `wait`.
    pub(super) async fn await_work(&self, max: u32, wait: Duration) -> anyhow::Result<Vec<Lease>> {
        let request = control::ClaimRequest {
            worker_id: self.worker_id.clone(),
            pool: self.pool.clone(),
            max,
            in_flight: 0,
            wait,
            claim: None,
        };
        let claims = self.control.claim(request).await?;
        Ok(claims.turns.into_iter().map(|turn| turn.lease).collect())
    }

    /// Complete all of these, in one transaction or request.
    pub(super) async fn complete(&self, leases: Vec<Lease>) -> anyhow::Result<()> {
        let Some(Store { db, .. }) = &self.store else {
            let completions = leases
                .into_iter()
                .map(|lease| (lease, Completion::default()));
            for result in self.control.complete_all(completions.collect()).await? {
                result?;
            }
            return Ok(());
        };
        let settled: Result<_, StoreError> = db
            .write(move |tx| Box::pin(async move { queue::complete_all(tx, &leases).await }))
            .await;
        for result in settled? {
            result?;
        }
        Ok(())
    }
}
