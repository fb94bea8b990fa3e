use super::rows::StatusRow;
use super::{count, sql};
use crate::domain::{AgentKey, ConversationId, MessageId, TenantId, Timestamp, WorkerId};
use crate::store::{StoreError, Tx, on_tx};

/// Where a message is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits for its turn.
    Queued {
        /// It does not run before this.
        not_before: Option<Timestamp>,
        /// Its conversation, its agent or its tenant waits for a person, for this reason.
        held: Option<String>,
    },
    /// A worker has it.
    Processing,
    /// It was settled.
    Done {
        /// When.
        at: Timestamp,
    },
    /// Somebody cancelled it.
    Cancelled {
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

/// An attempt that did not settle its message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FailedAttempt {
    /// 1-based; begins anew where the message is replayed.
    pub attempt: i64,
    /// `failed`, or `crashed`: its worker was lost.
    pub outcome: String,
    /// How it failed.
    pub error: String,
    /// Whose it was.
    pub worker_id: Option<WorkerId>,
    /// When it ended.
    pub ended_at: Timestamp,
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
    // In the order in which a message moves: one that finishes in between is found where it goes.
    for sql in [sql::MESSAGE_STATUS, sql::FINISHED_STATUS] {
        let row: Option<StatusRow> = on_tx!(tx, |conn| sqlx::query_as(sql)
            .bind(tenant_id)
            .bind(message_id)
            .fetch_optional(conn)
            .await)?;
        if let Some(row) = row {
            return status_of(row).map(Some);
        }
    }
    Ok(None)
}

/// The attempts of a message that did not settle it, in order: at most the last `limit`.
///
/// # Errors
/// Where the database fails.
pub async fn failed_attempts(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
    limit: u32,
) -> Result<Vec<FailedAttempt>, StoreError> {
    const SQL: &str = "
        SELECT attempt, outcome, error, worker_id, ended_at FROM message_attempts
        WHERE tenant_id = $1 AND message_id = $2 ORDER BY fence DESC LIMIT $3";
    let mut attempts: Vec<FailedAttempt> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(message_id)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    attempts.reverse();
    Ok(attempts)
}

fn status_of(row: StatusRow) -> Result<MessageStatus, StoreError> {
    let state = match (row.status.as_str(), row.finished_at) {
        ("queued", _) if row.leased => MessageState::Processing,
        ("queued", _) => MessageState::Queued {
            not_before: row.not_before,
            held: row.held_reason,
        },
        ("done", Some(at)) => MessageState::Done { at },
        ("cancelled", Some(at)) => MessageState::Cancelled { at },
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
