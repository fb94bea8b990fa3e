use super::head::rehead;
use super::rows::DeadLetter;
use super::sql;
use crate::domain::{MessageId, TenantId};
use crate::store::{StoreError, Tx, on_tx};

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
    let statement = tx.sql(sql::DEAD_LETTER);
    let found: Option<DeadLetter> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(tenant_id)
        .bind(message_id)
        .fetch_optional(conn)
        .await)?;
    let Some(letter) = found else {
        return Ok(false);
    };
    let available_at = tx.now().await?.max(letter.last_available_at);
    let seq: i64 = on_tx!(tx, |conn| sqlx::query_scalar(sql::TAKE_LAST_PLACE)
        .bind(tenant_id)
        .bind(&letter.conversation_id)
        .bind(available_at)
        .fetch_one(conn)
        .await)?;
    on_tx!(tx, |conn| sqlx::query(sql::REDRIVE)
        .bind(tenant_id)
        .bind(message_id)
        .bind(seq)
        .bind(available_at)
        .execute(conn)
        .await
        .map(drop))?;
    if letter.state != "leased" {
        rehead(tx, &[(tenant_id, &letter.conversation_id)]).await?;
    }
    Ok(true)
}
