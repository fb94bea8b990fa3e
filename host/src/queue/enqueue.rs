//! Messages are accepted: one, or many in the same few statements.

use super::arrive::arrive;
use super::head::Key;
use super::places::{Taken, take_places};
use super::rows::Looked;
use super::sources::take_sources;
use super::{Policy, Priority, batch, sql};
use crate::domain::{AgentKey, ConversationId, MessageId, Payload, TenantId, Timestamp, TraceId};
use crate::store::{StoreError, Tx, on_tx};
use crate::telemetry::Tally;
use sha2::{Digest as _, Sha256};

/// How often one call looks for what came first under its sources' ids: each time but the first because that changed while
/// it looked.
const LOOKS: usize = 3;

/// A message to be accepted.
#[derive(Clone, Debug)]
pub struct Enqueue {
    /// Whose.
    pub tenant_id: TenantId,
    /// Made where there is none; bound to its first agent for good.
    pub conversation_id: ConversationId,
    /// Who is to answer.
    pub agent_key: AgentKey,
    /// What it brings.
    pub payload: Payload,
    /// The policy's default where none is given.
    pub priority: Option<Priority>,
    /// When it is to take its place, where that is later than now.
    pub scheduled_for: Option<Timestamp>,
    /// The policy's default where none is given; 0 is taken as 1.
    pub max_attempts: Option<u32>,
    /// Where it came from, for example `telegram:<bot>`: the space of `source_id`.
    pub source: String,
    /// The source's own id. A message with the id of one that is here already is that message.
    pub source_id: Option<String>,
    /// Follows the message through logs.
    pub trace_id: TraceId,
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The message's id; the first one's where this is a repeat.
    pub message_id: MessageId,
    /// Whether this repeats a message that is here already. Nothing was changed then.
    pub duplicate: bool,
    /// Whether this, under the id of a message that is here already, is for another conversation or agent than that, or
    /// brings something else: two messages under one id.
    pub differs: bool,
}

/// Why a message was not accepted; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The tenant has no such agent.
    #[error("enqueue: there is no agent {0}; create it first")]
    AgentMissing(AgentKey),
    /// The agent takes no messages.
    #[error("enqueue: the agent {0} is disabled; enable it first")]
    AgentDisabled(AgentKey),
    /// The conversation talks to another agent.
    #[error("enqueue: the conversation is bound to the agent {0}; use another conversationId")]
    ConversationBoundToAnotherAgent(AgentKey),
    /// Over the policy's bound.
    #[error("enqueue: the payload has {bytes} bytes; at most {max} are accepted")]
    PayloadTooLarge {
        /// Bytes of its JSON.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accept a message: once this has committed, it is answered or ends in the dead letters. `message_id` is new, and
/// not used where the message is a repeat.
///
/// # Errors
/// As [`EnqueueError`] says; nothing is changed then.
pub async fn enqueue(
    tx: &mut Tx,
    policy: &Policy,
    message: &Enqueue,
    message_id: MessageId,
) -> Result<Enqueued, EnqueueError> {
    let mut results = enqueue_all(tx, policy, &[(message.clone(), message_id)]).await?;
    results.pop().unwrap_or_else(|| {
        Err(EnqueueError::Store(StoreError::Corrupt {
            what: "enqueue",
            reason: "a message was asked about and not answered".to_owned(),
        }))
    })
}

/// Accept messages, each as [`enqueue`] does, in about as many statements as one takes. Answers in
/// their order; messages of one conversation take their places in it. One that is refused changes nothing and stands in
/// no other's way.
///
/// # Errors
/// Where the database fails; then none was accepted.
pub async fn enqueue_all(
    tx: &mut Tx,
    policy: &Policy,
    messages: &[(Enqueue, MessageId)],
) -> Result<Vec<Result<Enqueued, EnqueueError>>, StoreError> {
    let mut items = Vec::with_capacity(messages.len());
    for (message, id) in messages {
        items.push(Item::new(policy, message, id)?);
    }
    look(tx, &mut items).await?;
    // Where others were first while we looked, look again. An id that was free by then is asked for once more: whoever had it
    // may have given it up.
    for _ in 0..LOOKS {
        if !take_sources(tx, &mut items).await? {
            break;
        }
        look(tx, &mut items).await?;
    }
    for item in &mut items {
        item.refuse_without_source();
    }
    let arrivals = take_places(tx, &mut items).await?;
    insert(tx, policy, &items).await?;
    arrive(tx, policy, &items, &arrivals).await?;
    let accepted = items.iter().filter(|item| item.place.is_some()).count();
    for _ in 0..accepted {
        tx.tally(Tally::Enqueued);
    }
    items.into_iter().map(|item| item.answer(tx)).collect()
}

/// One message on its way in.
pub(super) struct Item<'m> {
    pub(super) message: &'m Enqueue,
    pub(super) id: &'m MessageId,
    payload: String,
    /// Of all that tells it from another message under the same id.
    pub(super) digest: String,
    looked: Option<Looked>,
    /// Its source's id is its own now.
    pub(super) has_source: bool,
    pub(super) refused: Option<EnqueueError>,
    pub(super) place: Option<Taken>,
}

impl<'m> Item<'m> {
    fn new(policy: &Policy, message: &'m Enqueue, id: &'m MessageId) -> Result<Self, StoreError> {
        let payload =
            serde_json::to_string(&message.payload).map_err(StoreError::corrupt("payload"))?;
        let (bytes, max) = (payload.len(), policy.max_payload_bytes);
        let refused = (bytes > max).then_some(EnqueueError::PayloadTooLarge { bytes, max });
        // When it is to run and how often does not tell two messages apart: whoever repeats a request computes them anew.
        let mut digest = Sha256::new();
        for part in [
            message.conversation_id.as_str(),
            message.agent_key.as_str(),
            &payload,
        ] {
            digest.update(part);
            digest.update([0]);
        }
        Ok(Self {
            message,
            id,
            payload,
            digest: hex::encode(digest.finalize()),
            looked: None,
            has_source: false,
            refused,
            place: None,
        })
    }

    pub(super) const fn key(&self) -> Key<'m> {
        (&self.message.tenant_id, &self.message.conversation_id)
    }

    pub(super) fn priority(&self, policy: &Policy) -> i64 {
        let priority = self.message.priority;
        priority.unwrap_or(policy.default_priority).get()
    }

    pub(super) fn max_attempts(&self, policy: &Policy) -> u32 {
        let wished = self.message.max_attempts;
        wished.unwrap_or(policy.max_attempts).max(1)
    }

    /// What its source brought before under its id.
    pub(super) fn first(&self) -> Option<&MessageId> {
        let looked = self.looked.as_ref()?;
        looked.first_message_id.as_ref()
    }

    /// Where it may still come in.
    pub(super) fn acceptable(&self) -> Option<&Looked> {
        let looked = self.looked.as_ref()?;
        (self.refused.is_none() && self.is_first()).then_some(looked)
    }

    fn is_first(&self) -> bool {
        self.first().is_none_or(|first| first == self.id)
    }

    /// Whether its source's id is still to be taken.
    pub(super) fn wants_source(&self) -> bool {
        let none_yet = !self.has_source && self.first().is_none();
        self.message.source_id.is_some() && none_yet && self.acceptable().is_some()
    }

    /// An id that was taken and given up each time this looked: ask again.
    fn refuse_without_source(&mut self) {
        if self.wants_source() {
            self.refused = Some(EnqueueError::Store(StoreError::Corrupt {
                what: "message source",
                reason: "it was taken and given up over and over".to_owned(),
            }));
        }
    }

    fn answer(self, tx: &mut Tx) -> Result<Result<Enqueued, EnqueueError>, StoreError> {
        if let Some(refused) = self.refused {
            return Ok(Err(refused));
        }
        if self.place.is_some() {
            let (message_id, duplicate) = (self.id.clone(), false);
            return Ok(Ok(Enqueued {
                message_id,
                duplicate,
                differs: false,
            }));
        }
        let looked = self.looked.unwrap_or_default();
        let Some(message_id) = looked.first_message_id else {
            return Err(StoreError::Corrupt {
                what: "message",
                reason: "it was neither accepted nor refused".to_owned(),
            });
        };
        tx.tally(Tally::Repeated);
        // None: accepted before digests were kept.
        let differs = looked
            .first_digest
            .is_some_and(|digest| digest != self.digest);
        Ok(Ok(Enqueued {
            message_id,
            duplicate: true,
            differs,
        }))
    }
}

/// Read what the items are for, and refuse those for agents that are not there, disabled, or not the conversation's.
async fn look(tx: &mut Tx, items: &mut [Item<'_>]) -> Result<(), StoreError> {
    let rows: Vec<_> = items
        .iter()
        .map(|item| {
            let message = item.message;
            (
                &message.tenant_id,
                &message.agent_key,
                &message.conversation_id,
                &message.source,
                &message.source_id,
            )
        })
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::LOOK_BEFORE_ENQUEUE);
    let looked: Vec<Looked> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(rows)
        .fetch_all(conn)
        .await)?;
    for (item, looked) in items.iter_mut().zip(looked) {
        let agent = &item.message.agent_key;
        let refused = match (looked.enabled, &looked.bound_to) {
            (None, _) => Some(EnqueueError::AgentMissing(agent.clone())),
            _ if looked.first_message_id.is_some() => None,
            (Some(0), _) => Some(EnqueueError::AgentDisabled(agent.clone())),
            (_, Some(bound)) if bound != agent => {
                Some(EnqueueError::ConversationBoundToAnotherAgent(bound.clone()))
            }
            _ => None,
        };
        item.looked = Some(looked);
        item.refused = item.refused.take().or(refused);
    }
    Ok(())
}

async fn insert(tx: &mut Tx, policy: &Policy, items: &[Item<'_>]) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let (Some(place), message) = (&item.place, item.message) else {
            continue;
        };
        rows.push((
            &message.tenant_id,
            item.id,
            &message.conversation_id,
            place.seq,
            &item.payload,
            item.priority(policy),
            &message.source,
            &message.source_id,
            &message.trace_id,
            place.available_at,
            place.not_before,
            item.max_attempts(policy),
        ));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let (rows, now) = (batch(&rows)?, tx.now().await?);
    let statement = tx.sql(sql::INSERT_MESSAGES);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
