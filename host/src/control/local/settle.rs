//! The end of a turn, in one transaction.

use super::LocalControl;
use crate::control::{Completion, ControlError, Failure, Settled};
use crate::domain::{Channel, HistoryMessage, Lease, Part, Reply, Role};
use crate::outbox::{self, OutboxItem};
use crate::queue::{self, FailOutcome, LeaseError, Retry};
use crate::reply::{TELEGRAM_UTF16_MAX, chunks};
use crate::state::{history, key_value, memory, receipts};

impl LocalControl {
    /// Settle the message; store its history, its reply, and all else the turn did.
    pub(super) async fn store_completion(
        &self,
        lease: Lease,
        completion: Completion,
    ) -> Result<(), ControlError> {
        if completion
            .memory_note
            .as_ref()
            .is_some_and(|note| !note.is_memory())
        {
            return Err(ControlError::Refused(
                "a turn appends to memory documents only".to_owned(),
            ));
        }
        let ids = self.ids.clone();
        self.leased(move |tx| {
            Box::pin(async move {
                let settled = queue::complete(tx, &lease).await?;
                if settled == queue::Settled::AlreadySettled {
                    return Ok(());
                }
                let payload = queue::payload(tx, &lease).await?;
                let now = tx.now().await?;
                let Completion {
                    history: appended,
                    reply,
                    memory: remembered,
                    kv,
                    ..
                } = &completion;
                let mut messages = Vec::with_capacity(appended.len() + 1);
                messages.push(HistoryMessage {
                    role: Role::User,
                    parts: vec![Part::Text(payload.message_text.clone())],
                    at: Some(now),
                });
                messages.extend_from_slice(appended);
                history::append(tx, &lease, now, &messages).await?;
                key_value::forget_calls(tx, &lease).await?;
                key_value::store_conversation(tx, &lease, now, kv).await?;
                if let Some(note) = &completion.memory_note {
                    memory::append(tx, &lease, now, note, remembered).await?;
                }
                receipts::store(tx, &lease, now, &completion.receipts).await?;
                let items = reply.as_ref().map(|reply| items(&payload.reply_to, reply));
                outbox::insert(tx, &ids, &lease, &items.unwrap_or_default()).await?;
                Ok(())
            })
        })
        .await
    }

    pub(super) async fn store_failure(
        &self,
        lease: Lease,
        failure: Failure,
    ) -> Result<Settled, ControlError> {
        let (policies, ids) = (self.policies.clone(), self.ids.clone());
        self.leased(move |tx| {
            Box::pin(async move {
                // Before anything else: what is locked first is compared with a moment after any wait for it.
                queue::check(tx, &lease).await?;
                let now = tx.now().await?;
                let (Failure::Retry {
                    receipts: spent, ..
                }
                | Failure::Permanent {
                    receipts: spent, ..
                }
                | Failure::Hold {
                    receipts: spent, ..
                }) = &failure;
                receipts::store(tx, &lease, now, spent).await?;
                let (reason, retry) = match failure {
                    Failure::Hold { reason, .. } => {
                        queue::hold(tx, &lease, &reason).await?;
                        return Ok(Settled::Held);
                    }
                    Failure::Permanent { reason, .. } => (reason, Retry::Never),
                    Failure::Retry {
                        reason,
                        after: Some(after),
                        ..
                    } => (reason, Retry::After(after)),
                    Failure::Retry {
                        reason,
                        after: None,
                        ..
                    } => (reason, Retry::Backoff),
                };
                let outcome =
                    queue::fail(tx, &policies.queue, &ids, &lease, &reason, retry).await?;
                Ok::<_, LeaseError>(match outcome {
                    FailOutcome::Requeued { after } => Settled::Requeued(after),
                    // Its key-value calls stay known: a redrive runs the same turn again.
                    FailOutcome::DeadLettered => Settled::DeadLettered,
                })
            })
        })
        .await
    }
}

/// A reply as outbox rows: one for each message the channel takes.
fn items(channel: &Channel, reply: &Reply) -> Vec<OutboxItem> {
    // Files are not sent: what is left out is said, so that nobody waits for it.
    let mut text = reply.text.clone();
    for file in &reply.files {
        let name = file.name.as_deref().unwrap_or("a file");
        text.push_str(&format!("\n\n[not sent: {name}, {}]", file.media_type));
    }
    let bodies = match channel {
        Channel::Telegram { .. } => chunks(&text, TELEGRAM_UTF16_MAX),
        Channel::Api if text.trim().is_empty() => Vec::new(),
        Channel::Api => vec![text],
    };
    bodies
        .into_iter()
        .map(|body| OutboxItem {
            channel: channel.clone(),
            body,
        })
        .collect()
}
