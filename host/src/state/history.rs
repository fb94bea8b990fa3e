//! The history of a conversation: appended by completions, read by hydration.

use crate::domain::{HistoryMessage, Lease, Part, Role, Timestamp};
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
        let parts: Vec<Part> =
            serde_json::from_str(&parts).map_err(StoreError::corrupt("history message"))?;
        let role = if role == "assistant" {
            Role::Assistant
        } else {
            Role::User
        };
        messages.push(HistoryMessage {
            role,
            parts,
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

fn begins_with_result(message: &HistoryMessage) -> bool {
    message
        .parts
        .iter()
        .any(|part| matches!(part, Part::ToolResult(_)))
}
