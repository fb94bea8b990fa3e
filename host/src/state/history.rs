//! The history of a conversation: appended by completions, read by hydration.

use crate::domain::{
    ConversationId, HistoryMessage, Lease, MessageId, Part, Role, TenantId, Timestamp,
};
use crate::store::{Sql, StoreError, Tx, on_tx};

/// Append `messages`, all of one turn, in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn append(
    tx: &mut Tx,
    lease: &Lease,
    at: Timestamp,
    messages: &[HistoryMessage],
) -> Result<(), StoreError> {
    // Differs by necessity: the functions of JSON, and that PostgreSQL counts from 1.
    const SQL: Sql = Sql {
        sqlite: "
        INSERT INTO conversation_messages (tenant_id, conversation_id, position, message_id, role, parts, at)
        SELECT $1, $2, (SELECT COALESCE(MAX(position), 0) FROM conversation_messages
                        WHERE tenant_id = $1 AND conversation_id = $2) + 1 + item.key,
               $3, item.value ->> 0, item.value ->> 1, $4
        FROM json_each($5) AS item",
        postgres: "
        INSERT INTO conversation_messages (tenant_id, conversation_id, position, message_id, role, parts, at)
        SELECT $1, $2, (SELECT COALESCE(MAX(position), 0) FROM conversation_messages
                        WHERE tenant_id = $1 AND conversation_id = $2) + item.key,
               $3, item.value ->> 0, item.value ->> 1, $4
        FROM json_array_elements($5::json) WITH ORDINALITY AS item (value, key)",
    };
    // The parts as JSON within JSON: a text among them may have the character 0, which PostgreSQL reads in no JSON.
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        let parts =
            serde_json::to_string(&message.parts).map_err(StoreError::corrupt("history"))?;
        rows.push((message.role, parts));
    }
    let rows = serde_json::to_string(&rows).map_err(StoreError::corrupt("history"))?;
    let statement = tx.sql(SQL);
    on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(&lease.tenant_id)
            .bind(&lease.conversation_id)
            .bind(&lease.message_id)
            .bind(at)
            .bind(rows)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The latest messages, oldest first: at most `limit`, and at most `bytes` as they are stored. Begins with no tool result
/// whose request is cut off.
///
/// # Errors
/// Where the database does not answer, or a row cannot be read.
pub async fn window(
    tx: &mut Tx,
    lease: &Lease,
    limit: u32,
    bytes: u64,
) -> Result<Vec<HistoryMessage>, StoreError> {
    const SQL: &str = "
        SELECT role, parts, at FROM (
            SELECT role, parts, at, position, SUM(length(parts)) OVER (ORDER BY position DESC) AS so_far
            FROM (SELECT role, parts, at, position FROM conversation_messages
                  WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY position DESC LIMIT $3) AS latest
        ) AS counted WHERE so_far <= $4 ORDER BY position DESC";
    let rows: Vec<(String, String, Timestamp)> = on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.conversation_id)
            .bind(i64::from(limit))
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .fetch_all(conn)
            .await
    })?;
    let mut messages = Vec::with_capacity(rows.len());
    for (role, parts, at) in rows.into_iter().rev() {
        messages.push(HistoryMessage {
            role: role_of(&role),
            parts: parts_of(&parts)?,
            at: Some(at),
        });
    }
    let cut_off = messages
        .iter()
        .take_while(|message| begins_with_result(message))
        .count();
    messages.drain(..cut_off);
    Ok(messages)
}

/// Which part of a history.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Before this place; none: from the latest on.
    pub before: Option<u64>,
    /// How many entries at most.
    pub limit: u32,
    /// Bytes at most, as they are stored; one entry that is larger is a page.
    pub bytes: u64,
}

/// One entry of a history, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1.
    pub position: u64,
    /// The message whose turn wrote it.
    pub message_id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// In order.
    pub parts: Vec<Part>,
    /// When the turn completed.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    position: i64,
    message_id: MessageId,
    role: String,
    parts: String,
    at: Timestamp,
}

/// A page of a conversation's history, latest first.
///
/// # Errors
/// Where the database does not answer, or a row cannot be read.
pub async fn page(
    tx: &mut Tx,
    tenant_id: &TenantId,
    conversation_id: &ConversationId,
    page: &Page,
) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "
        SELECT position, message_id, role, parts, at FROM (
            SELECT position, message_id, role, parts, at,
                SUM(length(parts)) OVER (ORDER BY position DESC) AS so_far,
                ROW_NUMBER() OVER (ORDER BY position DESC) AS place
            FROM (SELECT position, message_id, role, parts, at FROM conversation_messages
                  WHERE tenant_id = $1 AND conversation_id = $2 AND position < $3
                  ORDER BY position DESC LIMIT $4) AS latest
        ) AS counted WHERE so_far <= $5 OR place = 1 ORDER BY position DESC";
    let before = page.before.and_then(|before| i64::try_from(before).ok());
    let rows: Vec<EntryRow> = on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(tenant_id)
            .bind(conversation_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(page.limit))
            .bind(i64::try_from(page.bytes).unwrap_or(i64::MAX))
            .fetch_all(conn)
            .await
    })?;
    rows.into_iter()
        .map(|row| {
            Ok(Entry {
                position: u64::try_from(row.position).unwrap_or(0),
                message_id: row.message_id,
                role: role_of(&row.role),
                parts: parts_of(&row.parts)?,
                at: row.at,
            })
        })
        .collect()
}

fn role_of(stored: &str) -> Role {
    if stored == "assistant" {
        Role::Assistant
    } else {
        Role::User
    }
}

fn parts_of(stored: &str) -> Result<Vec<Part>, StoreError> {
    serde_json::from_str(stored).map_err(StoreError::corrupt("history message"))
}

fn begins_with_result(message: &HistoryMessage) -> bool {
    message
        .parts
        .iter()
        .any(|part| matches!(part, Part::ToolResult(_)))
}
