//! Whether a history keeps what the queue promises.
//!
//! The checker reads what clients saw and asks for no more than they can be sure of. A request takes effect at some moment
//! between being asked and being answered; one that was not answered may take effect at any time after, or never. A
//! lease lives for certain from its claim's answer on, until the length that was promised has passed since that was asked
//! for, unless something was asked meanwhile that may have ended it. So no slow machine makes a violation, and a
//! violation needs no second look.

mod ends;
mod fences;
mod held;
mod order;
mod settlements;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;

use super::events::{History, Lease, Moment};
use super::violation::Violation;
use held::Held;
use std::collections::BTreeMap;

/// The first promise that `history` breaks.
///
/// # Errors
/// That one.
pub fn check(history: &History) -> Result<(), Violation> {
    let seen = Seen::of(history)?;
    fences::grow(&seen)?;
    fences::one_lives(&seen)?;
    fences::the_dead_do_nothing(&seen)?;
    order::in_order_of_acknowledgement(&seen)?;
    settlements::once(&seen)?;
    settlements::attempts(&seen)?;
    ends::settled(&seen)?;
    ends::told(&seen)
}

/// A history, by message and by lease.
struct Seen<'h> {
    history: &'h History,
    messages: BTreeMap<&'h str, Message<'h>>,
    /// Each conversation's leases, by fence.
    conversations: BTreeMap<&'h str, Vec<Held<'h>>>,
}

/// An acknowledged message.
struct Message<'h> {
    conversation: &'h str,
    /// Before its first try.
    first_asked: Moment,
    /// After its first acknowledgement.
    acknowledged: Moment,
}

impl<'h> Seen<'h> {
    fn of(history: &'h History) -> Result<Self, Violation> {
        let messages = messages(history)?;
        let mut leases: BTreeMap<&Lease, Held<'h>> = BTreeMap::new();
        for claim in &history.claims {
            let sent = messages.get(claim.lease.message.as_str());
            if sent.is_none_or(|message| message.conversation != claim.lease.conversation) {
                return Err(Violation::Unsent(claim.lease.clone()));
            }
            let held = leases.entry(&claim.lease);
            let held = held.or_insert_with(|| Held::new(history.lease, claim));
            held.claims.push(claim);
        }
        for used in &history.uses {
            let held = leases.get_mut(&used.lease);
            held.expect("a lease is claimed before it is used")
                .uses
                .push(used);
        }
        let mut conversations: BTreeMap<&str, Vec<Held<'h>>> = BTreeMap::new();
        for (lease, held) in leases {
            let conversation = conversations.entry(lease.conversation.as_str());
            conversation.or_default().push(held);
        }
        Ok(Self {
            history,
            messages,
            conversations,
        })
    }

    /// A message's leases, by fence.
    fn leases_of(&self, message: &str) -> impl Iterator<Item = &Held<'h>> {
        let conversation = self.messages.get(message).map(|found| found.conversation);
        let held = conversation.and_then(|conversation| self.conversations.get(conversation));
        let held = held.into_iter().flatten();
        held.filter(move |held| held.lease.message == message)
    }
}

fn messages(history: &History) -> Result<BTreeMap<&str, Message<'_>>, Violation> {
    let mut first_asked: BTreeMap<&str, Moment> = BTreeMap::new();
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for enqueue in &history.enqueues {
        let asked = first_asked.entry(&enqueue.external_id);
        let asked = asked.or_insert(enqueue.asked);
        *asked = enqueue.asked.min(*asked);
        let Some((_, message)) = &enqueue.answer else {
            continue;
        };
        let first = *ids.entry(&enqueue.external_id).or_insert(message);
        if first != message {
            return Err(Violation::AcknowledgedTwice {
                external_id: enqueue.external_id.clone(),
                first: first.to_owned(),
                second: message.clone(),
            });
        }
    }
    let mut messages: BTreeMap<&str, Message<'_>> = BTreeMap::new();
    for enqueue in &history.enqueues {
        let Some((acknowledged, message)) = &enqueue.answer else {
            continue;
        };
        let known = messages.entry(message).or_insert(Message {
            conversation: &enqueue.conversation,
            first_asked: first_asked[enqueue.external_id.as_str()],
            acknowledged: *acknowledged,
        });
        known.acknowledged = known.acknowledged.min(*acknowledged);
    }
    Ok(messages)
}
