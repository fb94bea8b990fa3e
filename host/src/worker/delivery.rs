//! Sending replies, a conversation's in order.

use super::turns::report;
use super::{Worker, pause_after};
use crate::control::{
    ControlError, Delivery, DeliveryBatch, DeliveryRequest, RETRY_UNAVAILABLE, Sent,
};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

impl Worker {
    /// Claim and send until `drained`. After `stop`, when turns only finish, what they reply is still sent, without
    /// waiting for more.
    pub(super) async fn deliveries(self, stop: CancellationToken, drained: CancellationToken) {
        let mut sending: JoinSet<()> = JoinSet::new();
        loop {
            while let Some(ended) = sending.try_join_next() {
                report(Some(ended));
            }
            let last = drained.is_cancelled();
            let busy = u32::try_from(sending.len()).unwrap_or(u32::MAX);
            let free = self.0.settings.delivery_slots.saturating_sub(busy);
            if free == 0 {
                report(sending.join_next().await);
                continue;
            }
            match self.claim_deliveries(free, stop.is_cancelled()).await {
                Ok(batches) => {
                    let nothing = batches.is_empty();
                    for batch in batches {
                        let worker = self.clone();
                        sending.spawn(async move { worker.deliver(batch).await });
                    }
                    if nothing && stop.is_cancelled() && !last {
                        drained
                            .run_until_cancelled(tokio::time::sleep(RETRY_UNAVAILABLE))
                            .await;
                    }
                }
                Err(error) if !last => {
                    drained
                        .run_until_cancelled(pause_after(&error, "claim deliveries"))
                        .await;
                }
                Err(_) => {}
            }
            if last {
                break;
            }
        }
        while let Some(ended) = sending.join_next().await {
            report(Some(ended));
        }
    }

    async fn claim_deliveries(
        &self,
        max: u32,
        stopping: bool,
    ) -> Result<Vec<DeliveryBatch>, ControlError> {
        let settings = &self.0.settings;
        let wait = if stopping {
            Duration::ZERO
        } else {
            settings.claim_wait
        };
        let request = DeliveryRequest {
            worker_id: settings.worker_id.clone(),
            pool: settings.pool.clone(),
            max,
            wait,
            claim: None,
        };
        self.0.plane.claim_deliveries(request).await
    }

    /// Send one conversation's replies until one has to wait. A crash between the send and its settlement sends
    /// that one reply again: the Bot API knows no idempotency key.
    async fn deliver(&self, batch: DeliveryBatch) {
        let until = Instant::now() + batch.lease_for;
        for delivery in &batch.deliveries {
            if Instant::now() >= until {
                let conversation = &batch.lane.conversation_id;
                tracing::warn!(conversation.id = %conversation, "the lease of a lane was over before its replies were sent");
                return;
            }
            let token = batch.bot_token.as_ref();
            let (channel, body) = (&delivery.channel, &delivery.body);
            let span = tracing::info_span!(
                "delivery",
                trace.id = %delivery.trace_id,
                tenant.id = %batch.lane.tenant_id,
                conversation.id = %batch.lane.conversation_id,
                outbox.id = %delivery.outbox_id,
                attempt = delivery.attempt,
            );
            let delivering = async {
                let sent = self.0.telegram.send(token, channel, body).await;
                self.settle_delivery(&batch, delivery, sent).await
            };
            if !delivering.instrument(span).await {
                return;
            }
        }
        match self.0.plane.release_lane(&batch.lane).await {
            // Lost: its last row is settled, and with it the lane.
            Ok(()) | Err(ControlError::LeaseLost) => {}
            Err(error) => {
                let conversation = &batch.lane.conversation_id;
                tracing::warn!(%error, conversation.id = %conversation, "a lane stays leased");
            }
        }
    }

    /// Note what became of a reply, asking again for as long as the lane is leased: what was sent and is not noted is
    /// sent again. Answers whether to go on.
    async fn settle_delivery(
        &self,
        batch: &DeliveryBatch,
        delivery: &Delivery,
        sent: Sent,
    ) -> bool {
        let deadline = Instant::now() + batch.lease_for;
        loop {
            let settled = self.0.plane.settle_delivery(
                &batch.lane,
                &delivery.outbox_id,
                &delivery.trace_id,
                sent.clone(),
            );
            match settled.await {
                Ok(go_on) => return go_on,
                Err(error @ ControlError::Unavailable(_)) if Instant::now() < deadline => {
                    pause_after(&error, "settle a delivery").await;
                }
                Err(error) => {
                    tracing::warn!(
                        %error,
                        conversation.id = %batch.lane.conversation_id,
                        "a delivery could not be settled; it is sent again when its lease is over"
                    );
                    return false;
                }
            }
        }
    }
}
