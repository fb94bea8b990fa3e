//! Finished messages are kept for a while, and forgotten.

use super::sources::give_up_sources;
use super::{batch, sql};
use crate::domain::{MessageId, TenantId};
use crate::store::{Sql, StoreError, Tx, on_tx};
use crate::telemetry::{Pruned, Tally};
use std::time::Duration;

/// Forget messages that finished `kept` ago or longer, oldest first, of the first tenant after `after` that has any (`""`: of
/// the first of all): at most `most`. With a message go its failed attempts, the replies that were delivered or given up,
/// and the id of its source: a message of that id is a new one then. Answers the tenant and how many, or none where no
/// tenant behind `after` has any.
///
/// # Errors
/// Where the database fails.
pub async fn forget_finished(
    tx: &mut Tx,
    kept: Duration,
    after: &str,
    most: u32,
) -> Result<Option<(TenantId, u64)>, StoreError> {
    let before = tx.now().await?.minus(kept);
    let tenant: Option<TenantId> =
        on_tx!(tx, |conn| sqlx::query_scalar(sql::TENANT_WITH_FINISHED)
            .bind(after)
            .bind(before)
            .fetch_optional(conn)
            .await)?;
    let Some(tenant_id) = tenant else {
        return Ok(None);
    };
    let finished: Vec<(MessageId, String, Option<String>)> =
        on_tx!(tx, |conn| sqlx::query_as(sql::FINISHED_BEFORE)
            .bind(&tenant_id)
            .bind(before)
            .bind(i64::from(most))
            .fetch_all(conn)
            .await)?;
    let sources: Vec<_> = finished
        .iter()
        .filter_map(|(_, source, source_id)| Some((&tenant_id, source, source_id.as_ref()?)))
        .collect();
    give_up_sources(tx, &sources).await?;
    let messages: Vec<_> = finished.iter().map(|(message, ..)| message).collect();
    forget_traces(tx, &tenant_id, &messages).await?;
    forget(tx, FINISHED, &tenant_id, &messages).await?;
    let forgotten = u64::try_from(finished.len()).unwrap_or(u64::MAX);
    tx.tally(Tally::Pruned(Pruned::Messages, forgotten));
    Ok(Some((tenant_id, forgotten)))
}

/// What is kept for a message beside it: failed attempts, replies that are not on their way any more.
pub(super) async fn forget_traces(
    tx: &mut Tx,
    tenant_id: &TenantId,
    messages: &[&MessageId],
) -> Result<(), StoreError> {
    forget(tx, ATTEMPTS, tenant_id, messages).await?;
    forget(tx, REPLIES, tenant_id, messages).await
}

/// $1 tenant, $2 batch of messages.
const FINISHED: Sql = Sql {
    sqlite: "
    DELETE FROM finished_messages WHERE tenant_id = $1 AND message_id IN (SELECT j.value FROM json_each($2) j)",
    postgres: "
    DELETE FROM finished_messages WHERE tenant_id = $1 AND message_id IN (
        SELECT value FROM json_array_elements_text($2::json))",
};

/// As above.
const ATTEMPTS: Sql = Sql {
    sqlite: "
    DELETE FROM message_attempts WHERE tenant_id = $1 AND message_id IN (SELECT j.value FROM json_each($2) j)",
    postgres: "
    DELETE FROM message_attempts WHERE tenant_id = $1 AND message_id IN (
        SELECT value FROM json_array_elements_text($2::json))",
};

/// As above.
const REPLIES: Sql = Sql {
    sqlite: "
    DELETE FROM outbox WHERE tenant_id = $1 AND status <> 'pending' AND message_id IN (
        SELECT j.value FROM json_each($2) j)",
    postgres: "
    DELETE FROM outbox WHERE tenant_id = $1 AND status <> 'pending' AND message_id IN (
        SELECT value FROM json_array_elements_text($2::json))",
};

async fn forget(
    tx: &mut Tx,
    statement: Sql,
    tenant_id: &TenantId,
    messages: &[&MessageId],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let messages = batch(messages)?;
    let statement = tx.sql(statement);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(tenant_id)
        .bind(messages)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
