//! Replies handed to workers, and what became of them.

use super::LocalControl;
use crate::control::{ControlError, Delivery, DeliveryBatch, DeliveryRequest, LaneLease, Sent};
use crate::domain::{BotId, Channel, OutboxId, SecretValue};
use crate::identity;
use crate::outbox::{self, Failed, LaneClaim};
use crate::queue::{self, LeaseError, Retry};
use crate::secrets::{self, SecretError};
use crate::store::{StoreError, Topic, Tx};

/// Messages of one conversation handed out at once.
const ROWS_A_LANE: u32 = 16;

impl From<outbox::OutboxRow> for Delivery {
    fn from(row: outbox::OutboxRow) -> Self {
        let outbox::OutboxRow {
            outbox_id,
            trace_id,
            channel,
            body,
            attempt,
            ..
        } = row;
        Self {
            outbox_id,
            trace_id,
            channel,
            body,
            attempt,
        }
    }
}

impl LocalControl {
    pub(super) async fn claim_lanes(
        &self,
        request: DeliveryRequest,
    ) -> Result<Vec<DeliveryBatch>, ControlError> {
        let asked = outbox::OutboxClaim {
            worker_id: request.worker_id,
            pool: request.pool,
            max_lanes: request.max,
            rows_per_lane: ROWS_A_LANE,
            claim: request.claim,
        };
        let mut waiting = self.waiting(Topic::Outbox, request.wait);
        loop {
            let lanes = self.claim_lanes_once(asked.clone()).await?;
            if lanes.is_empty() && self.look_again(&mut waiting, false).await? {
                continue;
            }
            let mut batches = Vec::with_capacity(lanes.len());
            for lane in lanes {
                batches.push(self.batch(lane).await?);
            }
            return Ok(batches);
        }
    }

    async fn claim_lanes_once(
        &self,
        asked: outbox::OutboxClaim,
    ) -> Result<Vec<LaneClaim>, ControlError> {
        let (policies, ids) = (self.policies.clone(), self.ids.clone());
        let lanes: Result<_, StoreError> = self
            .db
            .write(move |tx| {
                Box::pin(async move { outbox::claim(tx, &policies.outbox, &ids, &asked).await })
            })
            .await;
        Ok(lanes?)
    }

    async fn batch(&self, mut lane: LaneClaim) -> Result<DeliveryBatch, ControlError> {
        // A batch has the token of one bot: what leaves through another is claimed next.
        if let Some(first) = lane.rows.first().map(|row| bot_of(&row.channel).cloned()) {
            let same = |row: &outbox::OutboxRow| bot_of(&row.channel) == first.as_ref();
            let kept = lane.rows.iter().take_while(|row| same(row)).count();
            lane.rows.truncate(kept);
        }
        let bot_token = self.bot_token(&lane).await;
        let bot_token = bot_token.unwrap_or_else(|error| {
            // The reply is retried, and says so in its row; the reason is for the operator's eyes.
            tracing::error!(%error, tenant.id = %lane.lease.tenant_id, "a bot's token cannot be read");
            None
        });
        Ok(DeliveryBatch {
            lane: lane.lease,
            lease_for: lane.lease_for,
            deliveries: lane.rows.into_iter().map(Delivery::from).collect(),
            bot_token,
        })
    }

    /// The token of the tenant's own bot that the lane's replies go through.
    async fn bot_token(&self, lane: &LaneClaim) -> Result<Option<SecretValue>, SecretError> {
        let Some(Channel::Telegram { bot_id, .. }) = lane.rows.first().map(|row| &row.channel)
        else {
            return Ok(None);
        };
        let (tenant, bot_id) = (lane.lease.tenant_id.clone(), bot_id.clone());
        let master_key = self.master_key.clone();
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    match identity::token_ref(tx, &tenant, &bot_id).await? {
                        Some(name) => {
                            let token = secrets::active(tx, &master_key, &tenant, &name).await?;
                            Ok(token.map(SecretValue::from))
                        }
                        None => Ok(None),
                    }
                })
            })
            .await
    }

    /// Store what became of one reply; answers whether the lane is still held and goes on.
    pub(super) async fn store_sent(
        &self,
        lane: LaneLease,
        outbox_id: OutboxId,
        sent: Sent,
    ) -> Result<bool, ControlError> {
        let (policies, ids) = (self.policies.clone(), self.ids.clone());
        self.leased(move |tx| {
            Box::pin(async move {
                let (reason, retry) = match sent {
                    Sent::Delivered {
                        provider_message_id,
                    } => {
                        let id = provider_message_id.as_deref();
                        outbox::delivered(tx, &lane, &outbox_id, id).await?;
                        return goes_on(tx, &policies.outbox, lane).await;
                    }
                    Sent::Retry {
                        reason,
                        after: Some(after),
                    } => (reason, Retry::After(after)),
                    Sent::Retry {
                        reason,
                        after: None,
                    } => (reason, Retry::Backoff),
                    Sent::Refused { reason } => (reason, Retry::Never),
                };
                let (policy, error) = (&policies.outbox, reason.as_str());
                let failed = outbox::failed(tx, policy, &ids, &lane, &outbox_id, error, retry);
                match failed.await? {
                    Failed::Retrying { .. } => Ok(false),
                    Failed::GaveUp | Failed::AlreadySettled => goes_on(tx, policy, lane).await,
                }
            })
        })
        .await
    }

    pub(super) async fn let_lane_go(&self, lane: LaneLease) -> Result<(), ControlError> {
        self.leased(move |tx| Box::pin(async move { outbox::release(tx, &lane).await }))
            .await
    }
}

/// Whether rows are left under the lane's lease, which then lasts anew: with the last row it is over.
async fn goes_on(
    tx: &mut Tx,
    policy: &outbox::Policy,
    lane: LaneLease,
) -> Result<bool, LeaseError> {
    let beats = outbox::extend(tx, policy, &[lane]).await?;
    Ok(!beats.contains(&queue::Beat::Lost))
}

/// The bot a reply leaves through, where it leaves through one.
const fn bot_of(channel: &Channel) -> Option<&BotId> {
    match channel {
        Channel::Telegram { bot_id, .. } => Some(bot_id),
        Channel::Api => None,
    }
}
