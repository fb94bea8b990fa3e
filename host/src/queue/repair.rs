//! Dead letters are put back, or thrown away.

use super::head::rehead;
use super::rows::LockedConversation;
use super::sources::give_up_sources;
use super::{batch, sql};
use crate::domain::{ConversationId, MessageId, TenantId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::BTreeMap;

/// The most dead letters of one [`redrive_all`] or [`purge_all`].
pub const MAX_REPAIR: u32 = 1000;

/// Put a dead letter back at the end of its conversation, with all its attempts before it again; its crashes still
/// count, so it runs alone if it had any. Answers whether there is such a dead letter.
///
/// # Errors
/// Where the database fails.
pub async fn redrive(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<bool, StoreError> {
    let letter = dead_letter(tx, tenant_id, message_id).await?;
    Ok(put_last(tx, tenant_id, letter.into_iter().collect()).await? > 0)
}

/// Put dead letters of a tenant back, those given up longest ago first, at most `limit` and [`MAX_REPAIR`]: each
/// conversation's in the order in which they stood in it. Answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn redrive_all(tx: &mut Tx, tenant_id: &TenantId, limit: u32) -> Result<u64, StoreError> {
    let letters = oldest(tx, tenant_id, limit).await?;
    put_last(tx, tenant_id, letters).await
}

/// Throw a dead letter away; a message of the same id from the same source is a new one then. Answers whether there is such
/// a dead letter.
///
/// # Errors
/// Where the database fails.
pub async fn purge(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<bool, StoreError> {
    let letter = dead_letter(tx, tenant_id, message_id).await?;
    Ok(throw_away(tx, tenant_id, letter.into_iter().collect()).await? > 0)
}

/// Throw dead letters of a tenant away, those given up longest ago first, at most `limit` and [`MAX_REPAIR`]. Answers how
/// many.
///
/// # Errors
/// Where the database fails.
pub async fn purge_all(tx: &mut Tx, tenant_id: &TenantId, limit: u32) -> Result<u64, StoreError> {
    let letters = oldest(tx, tenant_id, limit).await?;
    throw_away(tx, tenant_id, letters).await
}

type Letters = Vec<(MessageId, ConversationId)>;

async fn dead_letter(
    tx: &mut Tx,
    tenant_id: &TenantId,
    message_id: &MessageId,
) -> Result<Option<(MessageId, ConversationId)>, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(sql::DEAD_LETTER)
        .bind(tenant_id)
        .bind(message_id)
        .fetch_optional(conn)
        .await)?)
}

async fn oldest(tx: &mut Tx, tenant_id: &TenantId, limit: u32) -> Result<Letters, StoreError> {
    Ok(on_tx!(tx, |conn| sqlx::query_as(
        sql::DEAD_LETTERS_TO_REPLAY
    )
    .bind(tenant_id)
    .bind(i64::from(limit.min(MAX_REPAIR)))
    .fetch_all(conn)
    .await)?)
}

/// Lock the letters' conversations; then those that are dead letters still, in the order of their places.
async fn locked(
    tx: &mut Tx,
    tenant_id: &TenantId,
    letters: &Letters,
) -> Result<(Vec<LockedConversation>, Letters), StoreError> {
    let conversations: Vec<_> = letters
        .iter()
        .map(|(_, conversation)| conversation)
        .collect();
    let locked = lock_conversations(tx, tenant_id, &conversations).await?;
    let rows: Vec<_> = letters
        .iter()
        .map(|(message, _)| (tenant_id, message))
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::DEAD_LETTERS_IN_ORDER);
    let letters: Letters = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(rows)
        .fetch_all(conn)
        .await)?;
    Ok((locked, letters))
}

async fn put_last(tx: &mut Tx, tenant_id: &TenantId, letters: Letters) -> Result<u64, StoreError> {
    if letters.is_empty() {
        return Ok(0);
    }
    let (conversations, letters) = locked(tx, tenant_id, &letters).await?;
    let now = tx.now().await?;
    let mut many: BTreeMap<&ConversationId, i64> = BTreeMap::new();
    for (_, conversation) in &letters {
        let count = many.entry(conversation).or_default();
        *count = count.saturating_add(1);
    }
    let last: BTreeMap<&ConversationId, _> = conversations
        .iter()
        .map(|row| (&row.conversation_id, now.max(row.last_available_at)))
        .collect();
    let wanted: Vec<_> = many
        .iter()
        .filter_map(|(conversation, count)| {
            Some((tenant_id, *conversation, count, last.get(conversation)?))
        })
        .collect();
    let wanted = batch(&wanted)?;
    let statement = tx.sql(sql::TAKE_LAST_PLACES);
    let places: Vec<(ConversationId, i64)> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(wanted)
        .fetch_all(conn)
        .await)?;
    let mut next: BTreeMap<&ConversationId, i64> = BTreeMap::new();
    for (conversation, behind) in &places {
        let count = many.get(conversation).copied().unwrap_or(0);
        next.insert(conversation, behind.saturating_sub(count));
    }
    let mut rows = Vec::with_capacity(letters.len());
    for (message, conversation) in &letters {
        let (Some(seq), Some(at)) = (next.get_mut(conversation), last.get(conversation)) else {
            continue;
        };
        rows.push((tenant_id, message, *seq, at));
        *seq = seq.saturating_add(1);
    }
    let put = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::REDRIVE);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .execute(conn)
        .await
        .map(drop))?;
    let keys: Vec<_> = conversations
        .iter()
        .map(|row| (tenant_id, &row.conversation_id))
        .collect();
    rehead(tx, &keys).await?;
    Ok(put)
}

async fn throw_away(
    tx: &mut Tx,
    tenant_id: &TenantId,
    letters: Letters,
) -> Result<u64, StoreError> {
    if letters.is_empty() {
        return Ok(0);
    }
    let (_, letters) = locked(tx, tenant_id, &letters).await?;
    let rows: Vec<_> = letters
        .iter()
        .map(|(message, _)| (tenant_id, message))
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::PURGE);
    let purged: Vec<(MessageId, String, Option<String>)> =
        on_tx!(tx, |conn| sqlx::query_as(statement)
            .bind(&rows)
            .fetch_all(conn)
            .await)?;
    let sources: Vec<_> = purged
        .iter()
        .filter_map(|(_, source, source_id)| Some((tenant_id, source, source_id.as_ref()?)))
        .collect();
    give_up_sources(tx, &sources).await?;
    let messages: Vec<_> = purged.iter().map(|(message, ..)| message).collect();
    super::retention::forget_traces(tx, tenant_id, &messages).await?;
    Ok(u64::try_from(purged.len()).unwrap_or(u64::MAX))
}

/// Conversations of a tenant, locked in one order, with what workers have of them.
pub(super) async fn lock_conversations(
    tx: &mut Tx,
    tenant_id: &TenantId,
    conversations: &[&ConversationId],
) -> Result<Vec<LockedConversation>, StoreError> {
    let mut keys: Vec<_> = conversations.iter().map(|key| (tenant_id, *key)).collect();
    keys.sort();
    keys.dedup();
    let keys = batch(&keys)?;
    if tx.is_shared() {
        for statement in [sql::LOCK_CONVERSATIONS, sql::LOCK_HEADS] {
            on_tx!(tx, |conn| sqlx::query(statement)
                .bind(&keys)
                .execute(conn)
                .await
                .map(drop))?;
        }
    }
    let statement = tx.sql(sql::CONVERSATIONS);
    Ok(on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(keys)
        .fetch_all(conn)
        .await)?)
}
