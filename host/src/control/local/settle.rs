//! The ends of turns, each with all it did in one transaction.

use super::LocalControl;
use crate::clock::Ids;
use crate::control::{Completion, ControlError, FOLLOW_UPS_MAX, Failure, FollowUp, Settled};
use crate::domain::{
    Channel, HistoryMessage, Lease, Part, Payload, Receipt, Reply, Role, Timestamp,
};
use crate::outbox::{self, OutboxItem};
use crate::queue::{self, Enqueue, FailOutcome, LeaseError, Priority, Retry};
use crate::reply::{TELEGRAM_UTF16_MAX, chunks};
use crate::state::usage::{self, UsageOfTenants};
use crate::state::{history, key_value, memory, receipts};
use crate::store::{StoreError, Tx};
use std::time::Duration;

/// Where a follow-up came from.
const FOLLOW_UP: &str = "follow-up";

/// How far ahead a follow-up may be.
const LATEST_FOLLOW_UP: Duration = Duration::from_hours(366 * 24);

impl LocalControl {
    /// Settle the message; store its history, its reply, and all else the turn did.
    pub(super) async fn store_completion(
        &self,
        lease: Lease,
        completion: Completion,
    ) -> Result<(), ControlError> {
        let settled = self
            .store_completions(vec![(lease, completion)])
            .await?
            .pop();
        settled.unwrap_or(Err(ControlError::LeaseLost))
    }

    /// As [`Self::store_completion`], many in one transaction, each for itself.
    pub(super) async fn store_completions(
        &self,
        completions: Vec<(Lease, Completion)>,
    ) -> Result<Vec<Result<(), ControlError>>, ControlError> {
        let refused: Vec<_> = completions
            .iter()
            .map(|(_, completion)| refusal(completion, self.policies.queue.max_payload_bytes))
            .collect();
        let (ids, policies) = (self.ids.clone(), self.policies.clone());
        let wanted: Vec<_> = completions
            .into_iter()
            .zip(&refused)
            .filter(|(_, refused)| refused.is_none())
            .map(|(completion, _)| completion)
            .collect();
        let alone = wanted.clone();
        let stored: Result<_, StoreError> = self
            .db
            .write(move |tx| {
                Box::pin(async move { store_all(tx, &policies.queue, &ids, wanted).await })
            })
            .await;
        let stored = match stored {
            // One that cannot be stored stands in no other's way.
            Err(error) if alone.len() > 1 && stays(&error) => self.store_each(alone).await,
            stored => stored?
                .into_iter()
                .map(|result| result.map_err(ControlError::from))
                .collect(),
        };
        let mut stored = stored.into_iter();
        let results = refused.into_iter().map(|refused| match refused {
            Some(reason) => Err(ControlError::Refused(reason)),
            None => match stored.next() {
                Some(result) => result,
                None => Err(ControlError::LeaseLost),
            },
        });
        Ok(results.collect())
    }

    /// Each in a transaction of its own.
    async fn store_each(
        &self,
        completions: Vec<(Lease, Completion)>,
    ) -> Vec<Result<(), ControlError>> {
        let mut results = Vec::with_capacity(completions.len());
        for completion in completions {
            let (ids, policies) = (self.ids.clone(), self.policies.clone());
            let stored: Result<_, StoreError> = self
                .db
                .write(move |tx| {
                    Box::pin(
                        async move { store_all(tx, &policies.queue, &ids, vec![completion]).await },
                    )
                })
                .await;
            results.push(match stored.map(|mut results| results.pop()) {
                Ok(Some(result)) => result.map_err(ControlError::from),
                Ok(None) => Err(ControlError::LeaseLost),
                Err(error) => Err(error.into()),
            });
        }
        results
    }

    /// Put the message back, and keep what was spent on it.
    pub(super) async fn put_back(
        &self,
        lease: Lease,
        spent: Vec<Receipt>,
    ) -> Result<(), ControlError> {
        self.leased(move |tx| {
            Box::pin(async move {
                queue::give_back(tx, &lease).await?;
                let now = tx.now().await?;
                let stored = receipts::store(tx, &lease, now, &spent).await?;
                Ok::<_, LeaseError>(count(tx, &lease, now, stored, &spent).await?)
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
                let (Failure::Retry {
                    receipts: spent, ..
                }
                | Failure::Permanent {
                    receipts: spent, ..
                }
                | Failure::Hold {
                    receipts: spent, ..
                }) = &failure;
                let spent = spent.clone();
                // Before anything else: a lease that is lost stores nothing, and locks come in one order.
                let settled = match failure {
                    Failure::Hold { reason, .. } => {
                        queue::hold(tx, &lease, &reason).await?;
                        Settled::Held
                    }
                    Failure::Permanent { reason, .. } => {
                        let (queue, never) = (&policies.queue, Retry::Never);
                        ended(queue::fail(tx, queue, &ids, &lease, &reason, never).await?)
                    }
                    Failure::Retry { reason, after, .. } => {
                        let retry = after.map_or(Retry::Backoff, Retry::After);
                        let queue = &policies.queue;
                        ended(queue::fail(tx, queue, &ids, &lease, &reason, retry).await?)
                    }
                };
                let now = tx.now().await?;
                let stored = receipts::store(tx, &lease, now, &spent).await?;
                count(tx, &lease, now, stored, &spent).await?;
                Ok::<_, LeaseError>(settled)
            })
        })
        .await
    }
}

/// Whether the same batch would fail the same way again.
fn stays(error: &StoreError) -> bool {
    !error.is_passing() || matches!(error, StoreError::Moved { .. })
}

const fn ended(outcome: FailOutcome) -> Settled {
    match outcome {
        FailOutcome::Requeued { after } => Settled::Requeued(after),
        // Its key-value calls stay known: a redrive runs the same turn again.
        FailOutcome::DeadLettered => Settled::DeadLettered,
        FailOutcome::Cancelled => Settled::Cancelled,
    }
}

/// Add what receipts come to to the tenant's day, where they were stored now. The last of a transaction.
async fn count(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
    stored: u64,
    spent: &[Receipt],
) -> Result<(), StoreError> {
    if stored > 0 {
        usage::add_one(tx, lease, now, spent).await?;
    }
    Ok(())
}

/// Why a completion cannot be stored, whatever its lease.
fn refusal(completion: &Completion, bytes_max: usize) -> Option<String> {
    let note = completion.memory_note.as_ref();
    if note.is_some_and(|note| !note.is_memory()) {
        return Some("a turn appends to memory documents only".to_owned());
    }
    if completion.follow_ups.len() > FOLLOW_UPS_MAX {
        return Some(format!("a turn leaves at most {FOLLOW_UPS_MAX} follow-ups"));
    }
    let wrong = |follow_up: &FollowUp| {
        !(1..=bytes_max / 2).contains(&follow_up.text.len())
            || follow_up
                .after
                .is_some_and(|after| after > LATEST_FOLLOW_UP)
            || follow_up.priority.is_some_and(|priority| priority > 100)
    };
    if completion.follow_ups.iter().any(wrong) {
        return Some(format!(
            "a follow-up has 1 to {} bytes of text, is for within a year, and has a priority of 0 to 100",
            bytes_max / 2
        ));
    }
    None
}

/// Settle what is leased still, and store what those turns did.
async fn store_all(
    tx: &mut Tx,
    policy: &queue::Policy,
    ids: &Ids,
    completions: Vec<(Lease, Completion)>,
) -> Result<Vec<Result<(), LeaseError>>, StoreError> {
    let leases: Vec<Lease> = completions.iter().map(|(lease, _)| lease.clone()).collect();
    // Read first: a message that is done has left the queue.
    let payloads = queue::payloads(tx, &leases).await?;
    let settled = queue::complete_all(tx, &leases).await?;
    let mut now_settled: Vec<_> = completions
        .iter()
        .zip(payloads)
        .zip(&settled)
        .filter(|(_, settled)| matches!(settled, Ok(queue::Settled::Now)))
        .filter_map(|((completion, payload), _)| Some((completion, payload?)))
        .collect();
    // Agents are locked from here on: in one order, as conversations were.
    now_settled.sort_by_key(|((lease, _), _)| (&lease.tenant_id, &lease.agent_key));
    let done: Vec<&Lease> = now_settled.iter().map(|((lease, _), _)| lease).collect();
    key_value::forget_calls(tx, &done).await?;
    let (now, mut used) = (tx.now().await?, UsageOfTenants::default());
    for ((lease, completion), payload) in now_settled {
        if store(tx, policy, ids, lease, completion, &payload).await? > 0 {
            used.count(lease, &completion.receipts);
        }
    }
    used.add(tx, now).await?;
    Ok(settled
        .into_iter()
        .map(|settled| settled.map(drop))
        .collect())
}

/// What one settled turn did; answers how many receipts were stored.
async fn store(
    tx: &mut Tx,
    policy: &queue::Policy,
    ids: &Ids,
    lease: &Lease,
    completion: &Completion,
    payload: &Payload,
) -> Result<u64, StoreError> {
    let now = tx.now().await?;
    let mut messages = Vec::with_capacity(completion.history.len() + 1);
    messages.push(HistoryMessage {
        role: Role::User,
        parts: vec![Part::Text(payload.message_text.clone())],
        at: Some(now),
    });
    messages.extend_from_slice(&completion.history);
    history::append(tx, lease, now, &messages).await?;
    key_value::store_conversation(tx, lease, now, &completion.kv).await?;
    if let Some(note) = &completion.memory_note {
        memory::append(tx, lease, now, note, &completion.memory).await?;
    }
    let stored = receipts::store(tx, lease, now, &completion.receipts).await?;
    let items = completion.reply.as_ref();
    let items = items.map(|reply| items_of(&payload.reply_to, reply));
    outbox::insert(tx, ids, lease, &items.unwrap_or_default()).await?;
    let mut follow_ups = Vec::with_capacity(completion.follow_ups.len());
    for follow_up in &completion.follow_ups {
        let message = Enqueue {
            tenant_id: lease.tenant_id.clone(),
            conversation_id: lease.conversation_id.clone(),
            agent_key: lease.agent_key.clone(),
            payload: Payload {
                message_text: follow_up.text.clone(),
                external_message_id: None,
                ..payload.clone()
            },
            priority: follow_up
                .priority
                .map(|wanted| Priority::clamped(i64::from(wanted))),
            scheduled_for: follow_up.after.map(|after| now.plus(after)),
            max_attempts: None,
            source: FOLLOW_UP.to_owned(),
            // It comes with the completion, which takes effect once.
            source_id: None,
            trace_id: lease.trace_id.clone(),
        };
        follow_ups.push((message, ids.message()?));
    }
    for refused in queue::enqueue_all(tx, policy, &follow_ups).await? {
        if let Err(refused) = refused {
            // An agent that was disabled meanwhile: the turn stands.
            tracing::warn!(%refused, "a follow-up was not accepted");
        }
    }
    Ok(stored)
}

/// A reply as outbox rows: one for each message the channel takes.
fn items_of(channel: &Channel, reply: &Reply) -> Vec<OutboxItem> {
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
