//! Messages of a tenant, page by page.

use super::count;
use crate::domain::{ConversationId, MessageId, TenantId, Timestamp, WorkerId};
use crate::store::{StoreError, Tx, on_tx};
use std::fmt;
use std::str::FromStr;

/// Which messages are listed. Dead letters have a list of their own ([`super::dead_letters`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageFilter {
    /// Those that wait for their turn, by conversation and in its order; of one conversation where one is named.
    Queued(Option<ConversationId>),
    /// Those that workers have, by conversation.
    Processing,
    /// Those that are done or cancelled and not forgotten yet, latest first.
    Finished,
}

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// `queued`, `processing`, `done` or `cancelled`.
    pub status: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// Of those, workers that were lost.
    pub crashes: u32,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
    /// It does not run before this.
    pub not_before: Option<Timestamp>,
    /// Who has it.
    pub worker_id: Option<WorkerId>,
    /// When it finished.
    pub finished_at: Option<Timestamp>,
    /// Where it stands in the list.
    pub place: MessagePlace,
}

/// A place in a list of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePlace {
    at: i64,
    seq: i64,
    name: String,
}

/// A text that is no place in a list of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in a list of messages is two numbers and a name, with colons between")]
pub struct MessagePlaceError;

impl fmt::Display for MessagePlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.at, self.seq, self.name)
    }
}

impl FromStr for MessagePlace {
    type Err = MessagePlaceError;

    fn from_str(text: &str) -> Result<Self, MessagePlaceError> {
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next()?.parse().ok();
        let (at, seq) = (
            number().ok_or(MessagePlaceError)?,
            number().ok_or(MessagePlaceError)?,
        );
        let name = parts.next().ok_or(MessagePlaceError)?.to_owned();
        // A database takes no such text.
        if name.contains('\0') {
            return Err(MessagePlaceError);
        }
        Ok(Self { at, seq, name })
    }
}

/// Behind every conversation's id, which is visible ASCII.
const BEHIND_ALL: &str = "\u{7f}";

/// $1 tenant, $2 conversation, $3 available at, $4 seq: the place before; $5 the last conversation, $6 how many.
pub(super) const QUEUED: &str = "
    SELECT m.message_id, m.conversation_id, m.status, m.attempts, m.crashes, m.enqueued_at, m.not_before,
        NULL AS worker_id, NULL AS finished_at, m.available_at AS at, m.seq, m.conversation_id AS name
    FROM message_queue m
    WHERE m.status = 'queued' AND m.tenant_id = $1 AND (m.conversation_id, m.available_at, m.seq) > ($2, $3, $4)
        AND m.conversation_id <= $5 AND NOT EXISTS (
            SELECT 1 FROM leases l
            WHERE l.tenant_id = m.tenant_id AND l.conversation_id = m.conversation_id AND l.message_id = m.message_id)
    ORDER BY m.conversation_id, m.available_at, m.seq LIMIT $6";

/// $1 tenant, $2 the conversation before, $3 how many.
pub(super) const PROCESSING: &str = "
    SELECT m.message_id, m.conversation_id, 'processing' AS status, m.attempts, m.crashes, m.enqueued_at,
        NULL AS not_before, l.worker_id, NULL AS finished_at, 0 * m.seq AS at, m.seq, m.conversation_id AS name
    FROM leases l
    JOIN message_queue m ON m.tenant_id = l.tenant_id AND m.message_id = l.message_id
    WHERE l.tenant_id = $1 AND l.conversation_id > $2
    ORDER BY l.conversation_id LIMIT $3";

/// $1 tenant, $2 finished at, $3 message: the place before; $4 how many.
pub(super) const FINISHED: &str = "
    SELECT message_id, conversation_id, outcome AS status, attempts, crashes, enqueued_at, NULL AS not_before,
        NULL AS worker_id, finished_at, finished_at AS at, 0 * finished_at AS seq, message_id AS name
    FROM finished_messages
    WHERE tenant_id = $1 AND (finished_at, message_id) < ($2, $3)
    ORDER BY finished_at DESC, message_id DESC LIMIT $4";

#[derive(sqlx::FromRow)]
struct Row {
    message_id: MessageId,
    conversation_id: ConversationId,
    status: String,
    attempts: i64,
    crashes: i64,
    enqueued_at: Timestamp,
    not_before: Option<Timestamp>,
    worker_id: Option<WorkerId>,
    finished_at: Option<Timestamp>,
    at: i64,
    seq: i64,
    name: String,
}

/// Messages of a tenant, at most `limit`, those behind `after` where a place is named. Reads what it answers, and where messages
/// of a conversation are skipped, at most one of each.
///
/// # Errors
/// Where the database fails.
pub async fn messages(
    tx: &mut Tx,
    tenant_id: &TenantId,
    filter: &MessageFilter,
    after: Option<&MessagePlace>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let limit = i64::from(limit);
    let rows: Vec<Row> = match filter {
        MessageFilter::Queued(of) => {
            let only = of.as_ref().map(ConversationId::as_str);
            let first = (only.unwrap_or(""), i64::MIN, i64::MIN);
            // A place before the one conversation that is asked for is before its first message.
            let (name, at, seq) = after
                .map(|place| (place.name.as_str(), place.at, place.seq))
                .filter(|(name, ..)| *name >= first.0)
                .unwrap_or(first);
            on_tx!(tx, |conn| sqlx::query_as(QUEUED)
                .bind(tenant_id)
                .bind(name)
                .bind(at)
                .bind(seq)
                .bind(only.unwrap_or(BEHIND_ALL))
                .bind(limit)
                .fetch_all(conn)
                .await)?
        }
        MessageFilter::Processing => on_tx!(tx, |conn| sqlx::query_as(PROCESSING)
            .bind(tenant_id)
            .bind(after.map_or("", |place| place.name.as_str()))
            .bind(limit)
            .fetch_all(conn)
            .await)?,
        MessageFilter::Finished => {
            let (at, name) = after.map_or((i64::MAX, ""), |place| (place.at, &place.name));
            on_tx!(tx, |conn| sqlx::query_as(FINISHED)
                .bind(tenant_id)
                .bind(at)
                .bind(name)
                .bind(limit)
                .fetch_all(conn)
                .await)?
        }
    };
    let listed = rows.into_iter().map(|row| Listed {
        message_id: row.message_id,
        conversation_id: row.conversation_id,
        status: row.status,
        attempts: count(row.attempts),
        crashes: count(row.crashes),
        enqueued_at: row.enqueued_at,
        not_before: row.not_before,
        worker_id: row.worker_id,
        finished_at: row.finished_at,
        place: MessagePlace {
            at: row.at,
            seq: row.seq,
            name: row.name,
        },
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        let place: MessagePlace = "1700000000000:3:telegram:bot:7".parse().unwrap();
        assert_eq!(place.name, "telegram:bot:7");
        assert_eq!(place.to_string(), "1700000000000:3:telegram:bot:7");
        for text in ["", "1", "1:2", "x:2:a", "1:x:a", "1:2:a\0"] {
            assert_eq!(text.parse::<MessagePlace>(), Err(MessagePlaceError));
        }
    }
}
