//! Claims, heartbeats, and what a turn begins with.

use super::{LocalControl, word};
use crate::artifacts;
use crate::control::{
    Beat, ClaimRequest, ClaimedTurn, Claims, ComponentPart, ControlError, Heartbeat, HeldLease,
};
use crate::domain::{Digest, Lease, Pool, WorkerId};
use crate::engine::{CompiledComponent, Platform};
use crate::hydration::{self, Bundle, Snapshot};
use crate::queue::{self, Batch, LeaseError};
use crate::store::{StoreError, Topic, Tx, Work};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer that only says to drain is held.
const DRAIN_PAUSE: Duration = Duration::from_secs(1);

impl LocalControl {
    /// A transaction that begins with the check of a lease.
    pub(super) async fn leased<T, F>(&self, work: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, LeaseError> + Send + 'static,
    {
        Ok(self.db.write(work).await?)
    }

    pub(super) async fn claim_turns(&self, request: ClaimRequest) -> Result<Claims, ControlError> {
        let asked = queue::ClaimRequest {
            worker_id: request.worker_id,
            pool: request.pool,
            max: request.max,
            in_flight: request.in_flight,
            claim: request.claim,
        };
        let wait = request.wait;
        let mut waiting = self.waiting(Topic::Queue, wait);
        loop {
            let claims = self.claim_once(asked.clone()).await?;
            if claims.drain {
                // A worker of an older version does not know the word, and asks again at once.
                let pause = tokio::time::sleep(DRAIN_PAUSE.min(wait));
                self.closing.run_until_cancelled(pause).await;
                return Ok(claims);
            }
            let nothing = claims.turns.is_empty() && !claims.suspects_waiting;
            if !nothing || !self.look_again(&mut waiting, claims.crowded).await? {
                return Ok(claims);
            }
        }
    }

    async fn claim_once(&self, asked: queue::ClaimRequest) -> Result<Claims, ControlError> {
        let (policies, ids) = (self.policies.clone(), self.ids.clone());
        let began = Instant::now();
        let batch: Result<Batch, queue::ClaimError> = self
            .db
            .write(move |tx| {
                Box::pin(async move { queue::claim(tx, &policies.queue, &ids, &asked).await })
            })
            .await;
        let batch = batch.map_err(ControlError::from);
        let metrics = self.db.metrics();
        metrics.control("claim", word(&batch), began.elapsed());
        let Batch {
            claimed,
            suspects_waiting,
            drain,
            crowded,
        } = batch?;
        for message in &claimed {
            let span = tracing::info_span!("claim", trace.id = %message.lease.trace_id);
            let (id, attempt) = (&message.lease.message_id, message.attempt);
            span.in_scope(|| tracing::debug!(message.id = %id, attempt, "claimed"));
        }
        let turns = claimed.into_iter().map(ClaimedTurn::from).collect();
        Ok(Claims {
            turns,
            suspects_waiting,
            drain,
            crowded,
        })
    }

    pub(super) async fn prolong(
        &self,
        worker: WorkerId,
        pool: Pool,
        leases: Vec<HeldLease>,
    ) -> Result<Heartbeat, ControlError> {
        let policies = self.policies.clone();
        let leases: Vec<_> = leases
            .into_iter()
            .map(|held| (held.lease, held.started))
            .collect();
        let beats = self.db.write(move |tx| {
            Box::pin(
                async move { queue::heartbeat(tx, &policies.queue, &worker, &pool, &leases).await },
            )
        });
        let queue::Heartbeat { beats, drain } = beats
            .await
            .map_err(|error: StoreError| ControlError::from(error))?;
        let beats = beats.into_iter().map(Beat::from).collect();
        Ok(Heartbeat { beats, drain })
    }

    pub(super) async fn hydrate_turn(&self, lease: Lease) -> Result<Bundle, ControlError> {
        // Stored by itself and first: whatever goes wrong from here on counts as an attempt.
        let starting = lease.clone();
        let started =
            self.leased(move |tx| Box::pin(async move { queue::start(tx, &starting).await }));
        let started = started.await?;
        let (policies, hydrated) = (self.policies.clone(), lease.clone());
        let key = self.master_key.clone();
        let bundle: Result<_, hydration::HydrateError> = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    hydration::hydrate(tx, &policies.hydration, &key, &hydrated, started).await
                })
            })
            .await;
        let (bundle, built) = bundle?;
        if let Some(built) = built {
            let stored = self.leased(move |tx| {
                Box::pin(async move {
                    queue::check(tx, &lease).await?;
                    Ok(built.store(tx, &lease).await?)
                })
            });
            stored.await?;
        }
        Ok(bundle)
    }

    pub(super) async fn snapshot_of(
        &self,
        lease: Lease,
        digest: Digest,
    ) -> Result<Snapshot, ControlError> {
        let found = self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(hydration::stored(tx, &lease, digest).await?)
            })
        });
        // Newer ones have pushed it out since the bundle was made; the next attempt gets a newer one.
        found
            .await?
            .ok_or_else(|| ControlError::Unavailable(format!("no snapshot {digest}")))
    }

    pub(super) async fn component_of(
        &self,
        lease: Lease,
        digest: Digest,
        platform: Platform,
    ) -> Result<CompiledComponent, ControlError> {
        let wanted = platform.clone();
        let found = self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                let usable = artifacts::may_use(tx, &lease, digest).await?;
                Ok((usable, artifacts::compiled(tx, digest, &wanted).await?))
            })
        });
        let (usable, row) = found.await?;
        if !usable {
            return Err(not_the_agents(digest));
        }
        let artifact = row.and_then(|row| row.artifact(digest, &platform));
        artifact.ok_or_else(|| not_compiled(digest))
    }

    pub(super) async fn part_of_component(
        &self,
        lease: Lease,
        digest: Digest,
        platform: Platform,
        offset: u64,
        most: u64,
    ) -> Result<ComponentPart, ControlError> {
        let found = self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                let usable = artifacts::may_use(tx, &lease, digest).await?;
                let part = artifacts::compiled_part(tx, digest, &platform, offset, most).await?;
                Ok((usable, part))
            })
        });
        let (usable, part) = found.await?;
        if !usable {
            return Err(not_the_agents(digest));
        }
        let part = part.and_then(|part| {
            Some(ComponentPart {
                seal: part.seal()?,
                size: u64::try_from(part.size).ok()?,
                bytes: part.bytes,
            })
        });
        part.ok_or_else(|| not_compiled(digest))
    }

    /// Reads that begin with the check of a lease.
    pub(super) async fn read_leased<T, F>(&self, work: F) -> Result<T, ControlError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T, LeaseError>,
    {
        Ok(self.db.read(work).await?)
    }
}

/// The agent has changed since the bundle was made; the next one names what it has now.
fn not_the_agents(digest: Digest) -> ControlError {
    ControlError::Unavailable(format!(
        "the component {digest} is not this agent's any more"
    ))
}

fn not_compiled(digest: Digest) -> ControlError {
    // No attempt is spent on it: in a rollout another worker, or this one's next version, has what it needs.
    let reason = "is not compiled for this worker's version yet; `agent-factory component status` says how far that is";
    tracing::error!(component = %digest, reason, "a turn waits for a component");
    ControlError::Unavailable(format!("the component {digest} {reason}"))
}

impl From<queue::Claimed> for ClaimedTurn {
    fn from(claimed: queue::Claimed) -> Self {
        Self {
            lease: claimed.lease,
            lease_for: claimed.lease_for,
            alone: claimed.suspect,
        }
    }
}

impl From<queue::Beat> for Beat {
    fn from(beat: queue::Beat) -> Self {
        match beat {
            queue::Beat::Extended { lease_for } => Self::Extended(lease_for),
            queue::Beat::Cancel { lease_for } => Self::Cancel(lease_for),
            queue::Beat::Lost => Self::Lost,
        }
    }
}
