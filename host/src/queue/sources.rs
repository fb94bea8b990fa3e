//! Ids that messages have where they come from: the first message of an id is the only one.

use super::enqueue::Item;
use super::{batch, sql};
use crate::domain::{MessageId, TenantId};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::HashSet;

/// Take the ids of the items' sources; answers whether some were taken by others first.
pub(super) async fn take_sources(tx: &mut Tx, items: &mut [Item<'_>]) -> Result<bool, StoreError> {
    let rows: Vec<_> = items
        .iter()
        .filter(|item| item.wants_source())
        .filter_map(|item| {
            let (message, digest) = (item.message, &item.digest);
            let source_id = message.source_id.as_ref()?;
            Some((
                &message.tenant_id,
                &message.source,
                source_id,
                item.id,
                digest,
            ))
        })
        .collect();
    if rows.is_empty() {
        return Ok(false);
    }
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::TAKE_SOURCES);
    let taken: Vec<MessageId> = on_tx!(tx, |conn| sqlx::query_scalar(statement)
        .bind(rows)
        .fetch_all(conn)
        .await)?;
    let taken: HashSet<MessageId> = taken.into_iter().collect();
    for item in items.iter_mut() {
        item.has_source |= taken.contains(item.id);
    }
    Ok(items.iter().any(Item::wants_source))
}

/// The messages that brought these ids are gone, or were not accepted: the ids are free again.
pub(super) async fn give_up_sources(
    tx: &mut Tx,
    sources: &[(&TenantId, &String, &String)],
) -> Result<(), StoreError> {
    if sources.is_empty() {
        return Ok(());
    }
    let rows = batch(sources)?;
    let statement = tx.sql(sql::GIVE_UP_SOURCES);
    on_tx!(tx, |conn| sqlx::query(statement)
        .bind(rows)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
