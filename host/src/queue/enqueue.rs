use super::head::rehead;
use super::rows::{Looked, Place};
use super::{Policy, Priority, sql};
use crate::domain::{AgentKey, ConversationId, MessageId, Payload, TenantId, Timestamp, TraceId};
use crate::store::{StoreError, Topic, Tx, on_tx};
use crate::telemetry::Tally;

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
    let payload =
        serde_json::to_string(&message.payload).map_err(StoreError::corrupt("payload"))?;
    if payload.len() > policy.max_payload_bytes {
        return Err(EnqueueError::PayloadTooLarge {
            bytes: payload.len(),
            max: policy.max_payload_bytes,
        });
    }
    if let Some(source_id) = &message.source_id {
        // Repeats at the same moment come in one by one, and all but the first are seen to be repeats.
        let tenant_id = message.tenant_id.as_str();
        tx.one_at_a_time(&["message", tenant_id, &message.source, source_id])
            .await?;
    }
    let looked = look(tx, message).await?;
    let looked = looked.ok_or_else(|| EnqueueError::AgentMissing(message.agent_key.clone()))?;
    if let Some(first) = &looked.message_id {
        tx.tally(Tally::Repeated);
        return Ok(Enqueued {
            message_id: first.clone(),
            duplicate: true,
            differs: !is_repeat(&looked, message)?,
        });
    }
    if looked.enabled == 0 {
        return Err(EnqueueError::AgentDisabled(message.agent_key.clone()));
    }
    if let Some(other) = looked.bound_to.filter(|bound| *bound != message.agent_key) {
        return Err(EnqueueError::ConversationBoundToAnotherAgent(other));
    }
    let now = tx.now().await?;
    let not_before = message.scheduled_for.filter(|moment| *moment > now);
    let priority = message.priority.unwrap_or(policy.default_priority);
    let place: Place = on_tx!(tx, |conn| sqlx::query_as(sql::TAKE_PLACE)
        .bind(&message.tenant_id)
        .bind(&message.conversation_id)
        .bind(&message.agent_key)
        .bind(&looked.pool)
        .bind(not_before)
        .bind(now)
        .bind(priority)
        .fetch_one(conn)
        .await)
    .map_err(StoreError::from)?;
    // Made by another enqueue since we looked.
    if place.agent_key != message.agent_key {
        return Err(EnqueueError::ConversationBoundToAnotherAgent(
            place.agent_key,
        ));
    }
    let max_attempts = message.max_attempts.unwrap_or(policy.max_attempts).max(1);
    let inserted = on_tx!(tx, |conn| sqlx::query(sql::INSERT_MESSAGE)
        .bind(&message.tenant_id)
        .bind(&message_id)
        .bind(&message.conversation_id)
        .bind(place.seq)
        .bind(payload)
        .bind(priority)
        .bind(&message.source)
        .bind(&message.source_id)
        .bind(&message.trace_id)
        .bind(available_at(&place, not_before))
        .bind(not_before)
        .bind(i64::from(max_attempts))
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
    .map_err(StoreError::from)?;
    if inserted == 0 {
        return Err(EnqueueError::Store(StoreError::Corrupt {
            what: "message",
            reason: "it conflicts with one that is not there".to_owned(),
        }));
    }
    tx.tally(Tally::Enqueued);
    match place.state.as_str() {
        // Parked at once, where the agent is still held by now.
        "ready" | "waiting" if looked.held => {
            rehead(tx, &[(&message.tenant_id, &message.conversation_id)]).await?;
        }
        // It may be the new head: of an earlier place than one that waits for its time.
        "waiting" => rehead(tx, &[(&message.tenant_id, &message.conversation_id)]).await?,
        "ready" => tx.raise(Topic::Queue),
        // In flight or held: the head is computed when that ends.
        _ => {}
    }
    Ok(Enqueued {
        message_id,
        duplicate: false,
        differs: false,
    })
}

async fn look(tx: &mut Tx, message: &Enqueue) -> Result<Option<Looked>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(sql::LOOK_BEFORE_ENQUEUE)
        .bind(&message.tenant_id)
        .bind(&message.agent_key)
        .bind(&message.source)
        .bind(&message.source_id)
        .bind(&message.conversation_id)
        .fetch_optional(conn)
        .await)?)
}

/// Whether `message` is the one that is stored under its id. When it is to run and how often does not tell two messages
/// apart: whoever repeats a request computes them anew.
fn is_repeat(looked: &Looked, message: &Enqueue) -> Result<bool, StoreError> {
    let Some(payload) = &looked.first_payload else {
        return Ok(false);
    };
    // Compared as what it says, not as it is written: another version may have written it.
    let first: Payload = serde_json::from_str(payload).map_err(StoreError::corrupt("payload"))?;
    Ok(first == message.payload
        && looked.first_conversation_id.as_ref() == Some(&message.conversation_id)
        && looked.bound_to.as_ref() == Some(&message.agent_key))
}

/// A message's place. One that is due at once goes behind all that were so before it, even where the clock has
/// stepped back; one for later goes behind those too, so that it can block none of them.
fn available_at(place: &Place, not_before: Option<Timestamp>) -> Timestamp {
    let last = place.last_available_at.as_millis();
    not_before.map_or(place.last_available_at, |moment| {
        moment.max(Timestamp::from_millis(last.saturating_add(1)))
    })
}
