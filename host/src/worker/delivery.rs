//! Sending replies, a conversation's in order.

use super::{Worker, pause_after};
use crate::control::{DeliveryBatch, DeliveryRequest};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

impl Worker {
    /// Claim and send until `stop`; then finish what was begun.
    pub(super) async fn deliveries(self, stop: CancellationToken) {
        let mut sending: JoinSet<()> = JoinSet::new();
        while !stop.is_cancelled() {
            while sending.try_join_next().is_some() {}
            let busy = u32::try_from(sending.len()).unwrap_or(u32::MAX);
            let free = self.0.settings.delivery_slots.saturating_sub(busy);
            if free == 0 {
                sending.join_next().await;
                continue;
            }
            let request = DeliveryRequest {
                worker_id: self.0.settings.worker_id.clone(),
                pool: self.0.settings.pool.clone(),
                max: free,
                wait: self.0.settings.claim_wait,
            };
            match self.0.plane.claim_deliveries(request).await {
                Ok(batches) => {
                    for batch in batches {
                        let worker = self.clone();
                        let stop = stop.clone();
                        sending.spawn(async move { worker.deliver(batch, &stop).await });
                    }
                }
                Err(error) => {
                    stop.run_until_cancelled(pause_after(&error, "claim deliveries"))
                        .await;
                }
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// Send one conversation's replies until one has to wait. A crash between the send and its settlement sends
    /// that one reply again: the Bot API knows no idempotency key.
    async fn deliver(&self, batch: DeliveryBatch, stop: &CancellationToken) {
        for delivery in &batch.deliveries {
            if stop.is_cancelled() {
                break;
            }
            let token = batch.bot_token.as_ref();
            let sent = self
                .0
                .telegram
                .send(token, &delivery.channel, &delivery.body)
                .await;
            match self
                .0
                .plane
                .settle_delivery(&batch.lane, delivery, sent)
                .await
            {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        conversation.id = %batch.lane.conversation_id,
                        "a delivery could not be settled; it is sent again when its lease is over"
                    );
                    return;
                }
            }
        }
        if let Err(error) = self.0.plane.release_lane(&batch.lane).await {
            tracing::warn!(%error, conversation.id = %batch.lane.conversation_id, "a lane stays leased");
        }
    }
}
