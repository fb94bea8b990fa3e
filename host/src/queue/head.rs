use super::{batch, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{StoreError, Topic, Tx, on_tx};

/// A conversation by its key.
pub(super) type Key<'a> = (&'a TenantId, &'a ConversationId);

/// Take the leases of `conversations` away, where they have one, and compute afresh what each waits for. Their
/// messages have been taken off `processing` by an earlier statement.
pub(super) async fn rehead(tx: &mut Tx, conversations: &[Key<'_>]) -> Result<(), StoreError> {
    if conversations.is_empty() {
        return Ok(());
    }
    let keys = batch(conversations)?;
    let now = tx.now().await?;
    let states: Vec<String> = on_tx!(tx, |conn| sqlx::query_scalar(sql::REHEAD)
        .bind(keys)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    if states.iter().any(|state| state == "ready") {
        tx.raise(Topic::Queue);
    }
    Ok(())
}
