//! The operations, each a request.

use super::address::Addresses;
use super::cache::{ArtifactCache, ArtifactKey};
use super::claims::Claiming;
use super::link::{Link, LinkError};
use crate::clock::Ids;
use crate::control::requests::{
    CompleteAllAnswer, CompleteAllRequest, CompleteRequest, CompleteResult, FailAnswer,
    FailRequest, GiveBackRequest, HeartbeatAnswer, HeartbeatRequest, KeyValueDeleteRequest,
    KeyValueGetAnswer, KeyValueGetRequest, KeyValueListRequest, KeyValueSetAnswer,
    KeyValueSetRequest, LeaseRequest, MemoryReadAnswer, MemoryReadRequest, MemorySearchAnswer,
    MemorySearchRequest, RegisterRequest, Registration, ReleaseLaneRequest, SettleDeliveryAnswer,
    SettleDeliveryRequest, SnapshotRequest,
};
use crate::control::{
    Beat, ClaimRequest, Claims, Completion, ComponentPart, ControlError, ControlPlane,
    DeliveryBatch, DeliveryRequest, Failure, Heartbeat, HeldLease, LaneLease, Sent, Settled,
};
use crate::domain::{
    Digest, DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit, OutboxId,
    Pool, Receipt, SecretValue, TraceId, WorkerId,
};
use crate::engine::{ArtifactVerifier, CompiledComponent, Platform};
use crate::hydration::{Bundle, Snapshot};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a worker reaches its control planes.
#[derive(Clone, Debug)]
pub struct RemoteSettings {
    /// Where they are.
    pub addresses: Addresses,
    /// The worker's token. It travels in a header and nowhere else.
    pub token: SecretValue,
    /// This life of the worker.
    pub worker_id: WorkerId,
    /// The longest a connection may take to come about.
    pub connect_timeout: Duration,
    /// The longest a request may take, beside what it asks to wait.
    pub request_timeout: Duration,
    /// The most bytes of one compiled component.
    pub artifact_max: u64,
}

/// A way to the control planes, before the worker is known to them.
pub struct RemoteControl {
    link: Link,
    settings: RemoteSettings,
}

/// A worker that is known: its pool, its trust, and the control plane as the worker library takes it.
pub struct Joined {
    /// By which name it is known.
    pub worker_id: WorkerId,
    /// Whose conversations it serves.
    pub pool: Pool,
    /// How often it is to prolong its leases.
    pub heartbeat_every: Duration,
    /// Whose compiled code it runs, for the rest of its life: what another control plane says later changes nothing.
    pub trust: ArtifactVerifier,
    /// The operations.
    pub control: Arc<dyn ControlPlane>,
    /// Cancelled once the token is refused for good.
    pub refused: CancellationToken,
}

impl RemoteControl {
    /// To the control planes of `settings`.
    ///
    /// # Errors
    /// Where there is no TLS, or the token cannot be sent.
    pub fn new(settings: RemoteSettings) -> Result<Self, LinkError> {
        let link = Link::new(
            settings.addresses.clone(),
            &settings.token,
            settings.connect_timeout,
            settings.request_timeout,
        )?;
        Ok(Self { link, settings })
    }

    /// Cancelled once the token is refused for good.
    #[must_use]
    pub fn refused(&self) -> CancellationToken {
        self.link.refusals().for_good().clone()
    }

    /// Make the worker known. Components are kept in `cache`; once `closing` is cancelled, claims that wait for work
    /// return with what they have leased by then.
    ///
    /// # Errors
    /// Where no control plane answers, or the worker's id is another pool's; then this can be asked again.
    pub async fn join(
        self: &Arc<Self>,
        ids: Ids,
        cache: ArtifactCache,
        closing: CancellationToken,
    ) -> Result<Joined, ControlError> {
        let worker_id = self.settings.worker_id.clone();
        let request = RegisterRequest {
            worker_id: worker_id.clone(),
        };
        let registration: Registration = self.link.ask("/v1/worker/register", &request).await?;
        let trust = key(&registration.artifact_key).ok_or_else(|| {
            ControlError::Refused("the control plane named no Ed25519 public key".to_owned())
        })?;
        let remote = Remote {
            way: Arc::clone(self),
            turns: Claiming::new(ids.clone(), closing.clone()),
            lanes: Claiming::new(ids, closing),
            cache,
            trust: trust.clone(),
        };
        Ok(Joined {
            worker_id,
            pool: registration.pool,
            heartbeat_every: registration.heartbeat_every,
            trust,
            control: Arc::new(remote),
            refused: self.refused(),
        })
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }
}

fn key(text: &str) -> Option<ArtifactVerifier> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key).ok()?;
    ArtifactVerifier::from_public_key(&key).ok()
}

/// The control plane of a known worker.
pub(super) struct Remote {
    way: Arc<RemoteControl>,
    turns: Claiming,
    lanes: Claiming,
    pub(super) cache: ArtifactCache,
    pub(super) trust: ArtifactVerifier,
}

impl Remote {
    pub(super) fn link(&self) -> &Link {
        self.way.link()
    }

    pub(super) fn artifact_max(&self) -> u64 {
        self.way.settings.artifact_max
    }
}

#[async_trait]
impl ControlPlane for Remote {
    async fn claim(&self, request: ClaimRequest) -> Result<Claims, ControlError> {
        self.turns.turns(self.link(), request).await
    }

    async fn hydrate(&self, lease: &Lease) -> Result<Bundle, ControlError> {
        let lease = lease.clone();
        self.link()
            .ask("/v1/worker/hydrate", &LeaseRequest { lease })
            .await
    }

    async fn snapshot(&self, lease: &Lease, digest: Digest) -> Result<Snapshot, ControlError> {
        let lease = lease.clone();
        let request = SnapshotRequest { lease, digest };
        self.link().ask("/v1/worker/snapshot", &request).await
    }

    async fn component(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
    ) -> Result<CompiledComponent, ControlError> {
        let key = ArtifactKey {
            component: digest,
            platform: platform.clone(),
        };
        self.artifact(lease, &key).await
    }

    async fn component_part(
        &self,
        lease: &Lease,
        digest: Digest,
        platform: &Platform,
        offset: u64,
        most: u64,
    ) -> Result<ComponentPart, ControlError> {
        let whole = self.component(lease, digest, platform).await?;
        let size = whole.bytes.len();
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(size);
        let bytes = whole.bytes.get(at(offset)..at(offset.saturating_add(most)));
        Ok(ComponentPart {
            signature: whole.signature,
            size: u64::try_from(size).unwrap_or(u64::MAX),
            bytes: bytes.unwrap_or_default().to_vec(),
        })
    }

    async fn heartbeat(
        &self,
        worker: &WorkerId,
        _pool: &Pool,
        leases: &[HeldLease],
    ) -> Result<Heartbeat, ControlError> {
        let started = (0..).zip(leases).filter(|(_, held)| held.started);
        let request = HeartbeatRequest {
            worker_id: worker.clone(),
            leases: leases.iter().map(|held| held.lease.clone()).collect(),
            started: started.map(|(place, _)| place).collect(),
        };
        let answer: HeartbeatAnswer = self.link().ask("/v1/worker/heartbeat", &request).await?;
        let HeartbeatAnswer {
            beats,
            cancelled,
            drain,
        } = answer;
        let beats = (0..).zip(beats).map(|(place, beat)| match beat {
            Beat::Extended(lease_for) if cancelled.contains(&place) => Beat::Cancel(lease_for),
            beat => beat,
        });
        let beats = beats.collect();
        Ok(Heartbeat { beats, drain })
    }

    async fn complete(&self, lease: &Lease, completion: Completion) -> Result<(), ControlError> {
        let lease = lease.clone();
        let request = CompleteRequest { lease, completion };
        self.link().tell("/v1/worker/complete", &request).await
    }

    async fn complete_all(
        &self,
        completions: Vec<(Lease, Completion)>,
    ) -> Result<Vec<Result<(), ControlError>>, ControlError> {
        let completions = completions.into_iter();
        let request = CompleteAllRequest {
            completions: completions
                .map(|(lease, completion)| CompleteRequest { lease, completion })
                .collect(),
        };
        let answer: CompleteAllAnswer =
            self.link().ask("/v1/worker/complete-all", &request).await?;
        let results = answer.results.into_iter().map(|result| match result {
            CompleteResult::Settled => Ok(()),
            CompleteResult::LeaseLost => Err(ControlError::LeaseLost),
            CompleteResult::Refused(reason) => Err(ControlError::Refused(reason)),
        });
        Ok(results.collect())
    }

    async fn fail(&self, lease: &Lease, failure: Failure) -> Result<Settled, ControlError> {
        let lease = lease.clone();
        let request = FailRequest { lease, failure };
        let answer: FailAnswer = self.link().ask("/v1/worker/fail", &request).await?;
        Ok(answer.settled)
    }

    async fn give_back(&self, lease: &Lease, spent: Vec<Receipt>) -> Result<(), ControlError> {
        let request = GiveBackRequest {
            lease: lease.clone(),
            receipts: spent,
        };
        self.link().tell("/v1/worker/give-back", &request).await
    }

    async fn kv_get(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, ControlError> {
        let request = KeyValueGetRequest {
            lease: lease.clone(),
            owner: owner.clone(),
            scope,
            key: key.to_owned(),
        };
        let answer: KeyValueGetAnswer = self
            .link()
            .ask("/v1/worker/key-value/get", &request)
            .await?;
        Ok(answer.entry)
    }

    async fn kv_set(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, ControlError> {
        let request = KeyValueSetRequest {
            lease: lease.clone(),
            owner: owner.clone(),
            key: key.to_owned(),
            value,
            if_version,
            call: call.to_owned(),
        };
        let answer = self.link().ask("/v1/worker/key-value/set", &request);
        Ok(match answer.await? {
            KeyValueSetAnswer::Version(version) => Ok(version),
            KeyValueSetAnswer::Refused(refused) => Err(refused),
        })
    }

    async fn kv_delete(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<(), ControlError> {
        let request = KeyValueDeleteRequest {
            lease: lease.clone(),
            owner: owner.clone(),
            key: key.to_owned(),
            call: call.to_owned(),
        };
        self.link()
            .tell("/v1/worker/key-value/delete", &request)
            .await
    }

    async fn kv_list(
        &self,
        lease: &Lease,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<KvPage, ControlError> {
        let request = KeyValueListRequest {
            lease: lease.clone(),
            owner: owner.clone(),
            scope,
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            limit,
        };
        self.link().ask("/v1/worker/key-value/list", &request).await
    }

    async fn memory_search(
        &self,
        lease: &Lease,
        query: &str,
        limit: u32,
    ) -> Result<Vec<MemoryHit>, ControlError> {
        let request = MemorySearchRequest {
            lease: lease.clone(),
            query: query.to_owned(),
            limit,
        };
        let answer: MemorySearchAnswer = self
            .link()
            .ask("/v1/worker/memory/search", &request)
            .await?;
        Ok(answer.hits)
    }

    async fn memory_read(
        &self,
        lease: &Lease,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, ControlError> {
        let request = MemoryReadRequest {
            lease: lease.clone(),
            path: path.clone(),
            start,
            lines,
        };
        let answer: MemoryReadAnswer = self.link().ask("/v1/worker/memory/read", &request).await?;
        Ok(answer.text)
    }

    async fn claim_deliveries(
        &self,
        request: DeliveryRequest,
    ) -> Result<Vec<DeliveryBatch>, ControlError> {
        self.lanes.deliveries(self.link(), request).await
    }

    async fn settle_delivery(
        &self,
        lane: &LaneLease,
        outbox_id: &OutboxId,
        trace_id: &TraceId,
        sent: Sent,
    ) -> Result<bool, ControlError> {
        let request = SettleDeliveryRequest {
            lane: lane.clone(),
            outbox_id: outbox_id.clone(),
            trace_id: trace_id.clone(),
            sent,
        };
        let path = "/v1/worker/deliveries/settle";
        let answer: SettleDeliveryAnswer = self.link().ask(path, &request).await?;
        Ok(answer.go_on)
    }

    async fn release_lane(&self, lane: &LaneLease) -> Result<(), ControlError> {
        let request = ReleaseLaneRequest { lane: lane.clone() };
        self.link()
            .tell("/v1/worker/deliveries/release", &request)
            .await
    }
}
