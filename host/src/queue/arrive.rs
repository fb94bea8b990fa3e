//! What conversations wait for once messages have come to them.

use super::enqueue::Item;
use super::head::{Key, rehead};
use super::places::Arrivals;
use super::rows::Busy;
use super::{Policy, batch, sql};
use crate::store::{Columns, StoreError, Topic, Tx, on_tx};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The items are in, and their conversations locked: the first of an idle conversation becomes its head. One that was busy goes
/// on as it is, but where what came may run before what it waits for.
pub(super) async fn arrive<'m>(
    tx: &mut Tx,
    policy: &Policy,
    items: &[Item<'m>],
    arrivals: &BTreeMap<Key<'m>, Arrivals<'m>>,
) -> Result<(), StoreError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let keys = batch(&arrivals.keys().collect::<Vec<_>>())?;
    let statement = tx.sql(sql::BUSY);
    let busy: Vec<Busy> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(keys)
        .fetch_all(conn)
        .await)?;
    let busy: HashMap<Key<'_>, &Busy> = busy
        .iter()
        .map(|found| ((&found.tenant_id, &found.conversation_id), found))
        .collect();
    let (mut fresh, mut again) = (HashSet::new(), Vec::new());
    for (key, of) in arrivals {
        match busy
            .get(key)
            .map(|found| (found.state.as_str(), &found.pool))
        {
            None if of.scheduled || of.parked => again.push(*key),
            None => drop(fresh.insert(*key)),
            Some(("waiting", _)) => again.push(*key),
            // The agent was moved to another pool, and its conversations go there with their next messages.
            Some(("ready", pool)) if *pool != of.pool => again.push(*key),
            // What came goes behind, or is looked at when the lease or the wait for a person ends.
            Some(_) => {}
        }
    }
    // The first of a conversation in the batch is the first in its order: all of them are due at once.
    let mut firsts = Vec::with_capacity(fresh.len());
    for item in items.iter().filter(|item| item.place.is_some()) {
        if fresh.remove(&item.key()) {
            firsts.push(item);
        }
    }
    first_heads(tx, policy, &firsts, arrivals).await?;
    rehead(tx, &again).await
}

async fn first_heads<'m>(
    tx: &mut Tx,
    policy: &Policy,
    items: &[&Item<'m>],
    arrivals: &BTreeMap<Key<'m>, Arrivals<'m>>,
) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let pool = |item: &Item<'m>| arrivals.get(&item.key()).map(|of| of.pool.as_str());
    let available_at = |item: &Item<'m>| {
        let place = item.place.as_ref();
        place.map_or(0, |place| place.available_at.as_millis())
    };
    let rows = Columns::new()
        .texts(items.iter().map(|item| item.message.tenant_id.as_str()))
        .texts(
            items
                .iter()
                .map(|item| item.message.conversation_id.as_str()),
        )
        .texts(items.iter().map(|item| item.message.agent_key.as_str()))
        .optional_texts(items.iter().map(|item| pool(item)))
        .numbers(items.iter().map(|item| item.priority(policy)))
        .texts(items.iter().map(|item| item.id.as_str()))
        .texts(items.iter().map(|item| item.message.trace_id.as_str()))
        .numbers(items.iter().map(|item| available_at(item)))
        .numbers(
            items
                .iter()
                .map(|item| i64::from(item.max_attempts(policy))),
        );
    let statement = tx.sql(sql::FIRST_HEADS);
    on_tx!(tx, |conn| rows
        .to(sqlx::query(statement))
        .execute(conn)
        .await
        .map(drop))?;
    tx.raise(Topic::Queue);
    Ok(())
}
