//! What was accepted and what was claimed, to be sure that what is measured is the queue's promise: all of it, once, in
//! order.

use super::message::Message;
use agent_factory::domain::{ConversationId, Lease, MessageId};
use anyhow::{Context as _, bail, ensure};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The accepted messages and the order they were claimed in.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    places: HashMap<MessageId, u32>,
    claimed: Vec<(MessageId, ConversationId)>,
}

impl Ledger {
    /// These were accepted under these ids.
    pub(super) fn accepted(&self, messages: &[Message], ids: Vec<MessageId>) {
        let places = messages.iter().map(|message| message.place);
        self.entries().places.extend(ids.into_iter().zip(places));
    }

    /// These were claimed; to be called before any of them is completed, for then the next of its conversation may be.
    pub(super) fn claimed(&self, leases: &[Lease]) {
        let claims = leases
            .iter()
            .map(|lease| (lease.message_id.clone(), lease.conversation_id.clone()));
        self.entries().claimed.extend(claims);
    }

    /// Whether each message was claimed once, in the order of its conversation, and, where `all` says so, none is left.
    pub(super) fn check(&self, all: bool) -> anyhow::Result<()> {
        let entries = self.entries();
        let (mut seen, mut last) = (HashSet::new(), HashMap::new());
        for (message, conversation) in &entries.claimed {
            let place = entries.places.get(message);
            let place = *place.with_context(|| format!("{message} was never accepted"))?;
            ensure!(seen.insert(message), "{message} was claimed twice");
            if let Some(before) = last.insert(conversation, place)
                && before > place
            {
                bail!("message {place} of {conversation} was claimed after {before}");
            }
        }
        let (claimed, accepted) = (seen.len(), entries.places.len());
        ensure!(
            !all || claimed == accepted,
            "{claimed} of {accepted} messages were claimed"
        );
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
