//! The outbox as a test drives it: one call an operation, one transaction a call.

use crate::queue::driver::{Driver, acme, worker};
use agent_factory::domain::{Channel, ClaimTry, Lease, MessageId, OutboxId, Pool, TenantId};
use agent_factory::outbox::{
    self, Delivered, Failed, LaneClaim, LaneLease, OutboxClaim, OutboxItem, Policy, Reply,
};
use agent_factory::queue::{self, Beat, LeaseError, Retry};
use agent_factory::store::StoreError;
use agent_factory_tests::database::TestDatabase;
use std::time::Duration;

pub(crate) struct Office {
    pub(crate) queue: Driver,
    pub(crate) policy: Policy,
}

/// To a Telegram chat.
pub(crate) fn chat() -> Channel {
    Channel::Telegram {
        bot_id: "7".parse().unwrap(),
        chat_id: -5,
        topic_id: None,
    }
}

impl Office {
    pub(crate) async fn new(test: TestDatabase) -> Self {
        let queue = Driver::new(test).await;
        let policy = Policy {
            max_attempts: 3,
            retry: queue.policy.retry.clone(),
            lease: Duration::from_secs(30),
            lease_total: Duration::from_secs(60),
            promote_batch: 100,
            sweep_batch: 100,
        };
        Self { queue, policy }
    }

    /// A message comes, and its turn completes with these replies to a chat.
    pub(crate) async fn answered(&self, conversation: &str, replies: &[&str]) -> MessageId {
        let items: Vec<_> = replies.iter().map(|body| item(chat(), body)).collect();
        self.answered_with("acme", conversation, items).await
    }

    pub(crate) async fn answered_with(
        &self,
        tenant: &str,
        conversation: &str,
        items: Vec<OutboxItem>,
    ) -> MessageId {
        let id = self.queue.enqueue_of(tenant, conversation).await;
        let lease = self.queue.claim_only().await.lease;
        self.settle(&lease, items).await.unwrap();
        id
    }

    /// Complete and store replies in one transaction.
    pub(crate) async fn settle(
        &self,
        lease: &Lease,
        items: Vec<OutboxItem>,
    ) -> Result<Vec<OutboxId>, LeaseError> {
        let (ids, lease) = (self.queue.test.ids.clone(), lease.clone());
        self.queue
            .db()
            .write(move |tx| {
                Box::pin(async move {
                    queue::complete(tx, &lease).await?;
                    Ok(outbox::insert(tx, &ids, &lease, &items).await?)
                })
            })
            .await
    }

    pub(crate) async fn claim(&self, max_lanes: u32, rows_per_lane: u32) -> Vec<LaneClaim> {
        self.claim_in(Pool::default(), max_lanes, rows_per_lane)
            .await
    }

    pub(crate) async fn claim_in(
        &self,
        pool: Pool,
        max_lanes: u32,
        rows_per_lane: u32,
    ) -> Vec<LaneClaim> {
        self.claim_as(pool, max_lanes, rows_per_lane, None).await
    }

    pub(crate) async fn claim_for(&self, claim: Option<ClaimTry>) -> Vec<LaneClaim> {
        self.claim_as(Pool::default(), 9, 9, claim).await
    }

    async fn claim_as(
        &self,
        pool: Pool,
        max_lanes: u32,
        rows_per_lane: u32,
        claim: Option<ClaimTry>,
    ) -> Vec<LaneClaim> {
        let (policy, ids) = (self.policy.clone(), self.queue.test.ids.clone());
        let request = OutboxClaim {
            worker_id: worker("worker"),
            pool,
            max_lanes,
            rows_per_lane,
            claim,
        };
        self.queue
            .db()
            .write(move |tx| {
                Box::pin(async move { outbox::claim(tx, &policy, &ids, &request).await })
            })
            .await
            .unwrap()
    }

    /// The one lane that can be claimed now.
    pub(crate) async fn claim_only(&self) -> LaneClaim {
        let mut claimed = self.claim(9, 9).await;
        assert_eq!(claimed.len(), 1, "one lane can be claimed: {claimed:?}");
        claimed.remove(0)
    }

    pub(crate) async fn delivered(
        &self,
        lease: &LaneLease,
        row: &OutboxId,
    ) -> Result<Delivered, LeaseError> {
        let (lease, row) = (lease.clone(), row.clone());
        self.queue
            .db()
            .write(move |tx| {
                Box::pin(async move { outbox::delivered(tx, &lease, &row, Some("99")).await })
            })
            .await
    }

    pub(crate) async fn failed(
        &self,
        lease: &LaneLease,
        row: &OutboxId,
        retry: Retry,
    ) -> Result<Failed, LeaseError> {
        let (policy, ids) = (self.policy.clone(), self.queue.test.ids.clone());
        let (lease, row) = (lease.clone(), row.clone());
        self.queue
            .db()
            .write(move |tx| {
                Box::pin(async move {
                    outbox::failed(tx, &policy, &ids, &lease, &row, "no answer", retry).await
                })
            })
            .await
    }

    pub(crate) async fn extend(&self, leases: &[LaneLease]) -> Vec<Beat> {
        let (policy, leases) = (self.policy.clone(), leases.to_vec());
        self.queue
            .db()
            .write(move |tx| Box::pin(async move { outbox::extend(tx, &policy, &leases).await }))
            .await
            .unwrap()
    }

    pub(crate) async fn release(&self, lease: &LaneLease) -> Result<(), LeaseError> {
        let lease = lease.clone();
        self.queue
            .db()
            .write(move |tx| Box::pin(async move { outbox::release(tx, &lease).await }))
            .await
    }

    pub(crate) async fn sweep(&self) -> bool {
        let policy = self.policy.clone();
        self.queue
            .db()
            .write(move |tx| Box::pin(async move { outbox::sweep(tx, &policy).await }))
            .await
            .unwrap()
    }

    pub(crate) async fn replies(&self, message: &MessageId) -> Vec<Reply> {
        self.replies_in(acme(), message).await
    }

    pub(crate) async fn replies_in(&self, tenant: TenantId, message: &MessageId) -> Vec<Reply> {
        let message = message.clone();
        self.queue
            .db()
            .read(move |tx| {
                Box::pin(async move { outbox::replies_of(tx, &tenant, &message).await })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
    }
}

pub(crate) fn item(channel: Channel, body: &str) -> OutboxItem {
    OutboxItem {
        channel,
        body: body.to_owned(),
    }
}

/// What a claimed lane has to send, in order.
pub(crate) fn bodies(claim: &LaneClaim) -> Vec<&str> {
    claim.rows.iter().map(|row| row.body.as_str()).collect()
}
