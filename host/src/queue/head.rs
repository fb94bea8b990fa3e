use super::{batch, sql};
use crate::domain::{ConversationId, TenantId};
use crate::store::{Sql, StoreError, Topic, Tx, on_tx};

/// A conversation by its key.
pub(super) type Key<'a> = (&'a TenantId, &'a ConversationId);

/// Take the leases of `conversations` away, where they have one, and compute afresh what each waits for. An earlier
/// statement has locked them, and their messages are where they are to be.
pub(super) async fn rehead(tx: &mut Tx, conversations: &[Key<'_>]) -> Result<(), StoreError> {
    rehead_by(tx, sql::REHEAD, conversations).await
}

/// As [`rehead`], where the rest of the transaction may write the agents' rows.
pub(super) async fn rehead_then_write_agent(
    tx: &mut Tx,
    conversations: &[Key<'_>],
) -> Result<(), StoreError> {
    rehead_by(tx, sql::REHEAD_THEN_WRITE_AGENT, conversations).await
}

async fn rehead_by(
    tx: &mut Tx,
    statement: Sql,
    conversations: &[Key<'_>],
) -> Result<(), StoreError> {
    if conversations.is_empty() {
        return Ok(());
    }
    let keys = batch(conversations)?;
    let now = tx.now().await?;
    let statement = tx.sql(statement);
    let states: Vec<String> = on_tx!(tx, |conn| sqlx::query_scalar(statement)
        .bind(keys)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    // Also for one that waits: whoever sleeps until the next one falls due may have to sleep less.
    if states
        .iter()
        .any(|state| matches!(state.as_str(), "ready" | "waiting"))
    {
        tx.raise(Topic::Queue);
    }
    Ok(())
}
