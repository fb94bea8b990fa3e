//! Where messages stand in their conversations.

use super::enqueue::{Enqueue, EnqueueError, Item};
use super::head::Key;
use super::rows::{Looked, Place};
use super::sources::give_up_sources;
use super::{batch, sql};
use crate::domain::{AgentKey, MessageId, Pool, Timestamp};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::{BTreeMap, HashMap};

/// A message's place in its conversation.
pub(super) struct Taken {
    pub(super) seq: i64,
    pub(super) available_at: Timestamp,
    pub(super) not_before: Option<Timestamp>,
}

/// Lock the items' conversations and give each item that may come in its place. Answers what came to each conversation.
pub(super) async fn take_places<'m>(
    tx: &mut Tx,
    items: &mut [Item<'m>],
) -> Result<BTreeMap<Key<'m>, Arrivals<'m>>, StoreError> {
    let now = tx.now().await?;
    let mut refused = HashMap::new();
    let mut arrivals: BTreeMap<Key<'m>, Arrivals<'m>> = BTreeMap::new();
    for item in items.iter_mut() {
        let Some(looked) = item.acceptable() else {
            continue;
        };
        let arrival = Arrivals::of(item.message, looked, now);
        match arrivals.get_mut(&item.key()) {
            None => drop(arrivals.insert(item.key(), arrival)),
            Some(first) if first.agent_key == arrival.agent_key => first.join(&arrival),
            Some(first) => refuse(item, first.agent_key, &mut refused),
        }
    }
    lock(tx, now, items, &mut arrivals, &mut refused).await?;
    // A repeat within the batch of a message that was refused is refused for the same reason.
    for item in items.iter_mut().filter(|item| item.refused.is_none()) {
        let bound = item.first().and_then(|first| refused.get(first)).cloned();
        item.refused = bound.map(EnqueueError::ConversationBoundToAnotherAgent);
    }
    let given_up: Vec<_> = items
        .iter()
        .filter(|item| refused.contains_key(item.id))
        .filter_map(|item| {
            let source_id = item.message.source_id.as_ref()?;
            Some((&item.message.tenant_id, &item.message.source, source_id))
        })
        .collect();
    give_up_sources(tx, &given_up).await?;
    Ok(arrivals)
}

async fn lock<'m>(
    tx: &mut Tx,
    now: Timestamp,
    items: &mut [Item<'m>],
    arrivals: &mut BTreeMap<Key<'m>, Arrivals<'m>>,
    refused: &mut HashMap<MessageId, AgentKey>,
) -> Result<(), StoreError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = arrivals
        .iter()
        .map(|((tenant, conversation), of)| {
            let last = if of.at_once {
                now
            } else {
                Timestamp::from_millis(0)
            };
            (
                tenant,
                conversation,
                of.agent_key,
                &of.pool,
                of.messages,
                last,
            )
        })
        .collect();
    let rows = batch(&rows)?;
    let statement = tx.sql(sql::TAKE_PLACES);
    let places: Vec<Place> = on_tx!(tx, |conn| sqlx::query_as(statement)
        .bind(rows)
        .bind(now)
        .fetch_all(conn)
        .await)?;
    let places: HashMap<Key<'_>, &Place> = places
        .iter()
        .map(|place| ((&place.tenant_id, &place.conversation_id), place))
        .collect();
    let mut next: HashMap<Key<'m>, (i64, &Place)> = HashMap::new();
    arrivals.retain(|key, of| {
        let Some(place) = places.get(key).copied() else {
            return false;
        };
        next.insert(*key, (place.next_seq.saturating_sub(of.messages), place));
        of.parked |= place.paused;
        // Another's: nothing comes to it.
        place.agent_key == *of.agent_key
    });
    for item in items.iter_mut().filter(|item| item.acceptable().is_some()) {
        let Some((seq, place)) = next.get_mut(&item.key()) else {
            continue;
        };
        if place.agent_key != item.message.agent_key {
            // Made by another enqueue since we looked.
            refuse(item, &place.agent_key, refused);
            continue;
        }
        let not_before = item.message.scheduled_for.filter(|moment| *moment > now);
        item.place = Some(Taken {
            seq: *seq,
            available_at: available_at(place, not_before),
            not_before,
        });
        *seq = seq.saturating_add(1);
    }
    Ok(())
}

fn refuse(item: &mut Item<'_>, bound: &AgentKey, refused: &mut HashMap<MessageId, AgentKey>) {
    item.refused = Some(EnqueueError::ConversationBoundToAnotherAgent(bound.clone()));
    refused.insert(item.id.clone(), bound.clone());
}

/// What one batch brings to one conversation.
pub(super) struct Arrivals<'m> {
    pub(super) agent_key: &'m AgentKey,
    pub(super) pool: Pool,
    messages: i64,
    /// One of them, at least, is due at once.
    at_once: bool,
    /// One of them, at least, is for later.
    pub(super) scheduled: bool,
    /// The agent is held, the tenant or the conversation paused.
    pub(super) parked: bool,
}

impl<'m> Arrivals<'m> {
    fn of(message: &'m Enqueue, looked: &Looked, now: Timestamp) -> Self {
        let scheduled = message.scheduled_for.is_some_and(|moment| moment > now);
        Self {
            agent_key: &message.agent_key,
            pool: looked.pool.clone().unwrap_or_default(),
            messages: 1,
            at_once: !scheduled,
            scheduled,
            parked: looked.parked.unwrap_or(false),
        }
    }

    fn join(&mut self, later: &Self) {
        self.messages = self.messages.saturating_add(1);
        self.at_once |= later.at_once;
        self.scheduled |= later.scheduled;
        self.parked |= later.parked;
    }
}

/// A message's place. One that is due at once goes behind all that were so before it, even where the clock has
/// stepped back; one for later goes behind those too, so that it can block none of them.
fn available_at(place: &Place, not_before: Option<Timestamp>) -> Timestamp {
    let last = place.last_available_at.as_millis();
    not_before.map_or(place.last_available_at, |moment| {
        moment.max(Timestamp::from_millis(last.saturating_add(1)))
    })
}
