use super::rows::StatusRow;
use super::{count, sql};
use crate::domain::{AgentKey, ConversationId, MessageId, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

/// Where a message is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits for its turn.
    Queued {
        /// It does not run before this.
        not_before: Option<Timestamp>,
        /// Its agent waits for a person, for this reason.
        held: Option<String>,
    },
    /// A worker has it.
    Processing,
    /// It was settled.
    Done {
        /// When.
        at: Timestamp,
    },
    /// It was given up; `last_error` says why.
    DeadLetter {
        /// When.
        at: Timestamp,
    },
}

/// What can be said of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageStatus {
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// Who answers.
    pub agent_key: AgentKey,
    /// Where it is.
    pub state: MessageState,
    /// Attempts that failed.
    pub attempts: u32,
    /// Of those, workers that were lost.
    pub crashes: u32,
    /// The attempts it has.
    pub max_attempts: u32,
    /// How the last failed attempt failed.
    pub last_error: Option<String>,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
}

/// What can be said of a message of this tenant; `None` where there is none.
///
/// # Errors
/// Where the database fails.
pub async fn message_status(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    let row: Option<StatusRow> = on_tx!(tx, |conn| sqlx::query_as(sql::MESSAGE_STATUS)
        .bind(tenant_id)
        .bind(message_id)
        .fetch_optional(conn)
        .await)?;
    row.map(status_of).transpose()
}

fn status_of(row: StatusRow) -> Result<MessageStatus, StoreError> {
    let state = match (row.status.as_str(), row.finished_at) {
        ("queued", _) => MessageState::Queued {
            not_before: row.not_before,
            held: row.held_reason,
        },
        ("processing", _) => MessageState::Processing,
        ("done", Some(at)) => MessageState::Done { at },
        ("dead_letter", Some(at)) => MessageState::DeadLetter { at },
        (other, _) => {
            return Err(StoreError::Corrupt {
                what: "message",
                reason: format!("its status is {other}"),
            });
        }
    };
    Ok(MessageStatus {
        conversation_id: row.conversation_id,
        agent_key: row.agent_key,
        state,
        attempts: count(row.attempts),
        crashes: count(row.crashes),
        max_attempts: count(row.max_attempts),
        last_error: row.last_error,
        enqueued_at: row.enqueued_at,
    })
}
