use super::count;
use crate::domain::{AgentKey, ConversationId, MessageId, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};
use std::fmt;
use std::str::FromStr;

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// Who was to answer.
    pub agent_key: AgentKey,
    /// Attempts that failed.
    pub attempts: u32,
    /// Of those, workers that were lost.
    pub crashes: u32,
    /// How the last attempt failed.
    pub last_error: Option<String>,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
    /// When it was given up.
    pub dead_at: Timestamp,
}

/// A place in the list of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterPlace {
    at: Timestamp,
    message_id: MessageId,
}

impl DeadLetter {
    /// Its place in the list.
    #[must_use]
    pub fn place(&self) -> DeadLetterPlace {
        DeadLetterPlace {
            at: self.dead_at,
            message_id: self.message_id.clone(),
        }
    }
}

impl fmt::Display for DeadLetterPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.at.as_millis(), self.message_id)
    }
}

/// A text that is no place in the list of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in the list of dead letters is a moment, a colon and a message id")]
pub struct DeadLetterPlaceError;

impl FromStr for DeadLetterPlace {
    type Err = DeadLetterPlaceError;

    fn from_str(text: &str) -> Result<Self, DeadLetterPlaceError> {
        let (at, message_id) = text.split_once(':').ok_or(DeadLetterPlaceError)?;
        Ok(Self {
            at: Timestamp::from_millis(at.parse().map_err(|_| DeadLetterPlaceError)?),
            message_id: message_id.parse().map_err(|_| DeadLetterPlaceError)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: MessageId,
    conversation_id: ConversationId,
    agent_key: AgentKey,
    attempts: i64,
    crashes: i64,
    last_error: Option<String>,
    enqueued_at: Timestamp,
    finished_at: Timestamp,
}

/// The tenant's dead letters, latest first, at most `limit`, those behind `after` where a place is named.
///
/// # Errors
/// Where the database fails.
pub async fn dead_letters(
    tx: &mut Tx,
    tenant_id: &TenantId,
    after: Option<&DeadLetterPlace>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    const SQL: &str = "
        SELECT m.message_id, m.conversation_id, c.agent_key, m.attempts, m.crashes, m.last_error, m.enqueued_at,
            m.finished_at
        FROM message_queue m
        JOIN conversations c ON c.tenant_id = m.tenant_id AND c.conversation_id = m.conversation_id
        WHERE m.tenant_id = $1 AND m.status = 'dead_letter' AND (m.finished_at, m.message_id) < ($2, $3)
        ORDER BY m.finished_at DESC, m.message_id DESC LIMIT $4";
    let (at, message_id) = match after {
        Some(place) => (place.at, place.message_id.as_str()),
        None => (Timestamp::from_millis(i64::MAX), ""),
    };
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(at)
        .bind(message_id)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    let letters = rows.into_iter().map(|row| DeadLetter {
        message_id: row.message_id,
        conversation_id: row.conversation_id,
        agent_key: row.agent_key,
        attempts: count(row.attempts),
        crashes: count(row.crashes),
        last_error: row.last_error,
        enqueued_at: row.enqueued_at,
        dead_at: row.finished_at,
    });
    Ok(letters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        let place: DeadLetterPlace = "1700000000000:msg_1".parse().unwrap();
        assert_eq!(place.to_string(), "1700000000000:msg_1");
        for text in ["", "1", "x:msg_1", "1:", "1:a b"] {
            assert_eq!(text.parse::<DeadLetterPlace>(), Err(DeadLetterPlaceError));
        }
    }
}
