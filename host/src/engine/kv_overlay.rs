//! Writes of the conversation's scope, kept with the turn and seen by its own reads at once.

use super::{LookupError, Lookups};
use crate::config::Limits;
use crate::domain::{KvEntry, KvError, KvOwner, KvPage, KvScope, KvWrite, LimitName};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of one page.
pub(super) const PAGE: u32 = 100;

/// What a turn wrote over the stored state. The turn holds the conversation's lease, so the stored
/// state below does not move.
#[derive(Default)]
pub(super) struct KvOverlay {
    written: BTreeMap<(KvOwner, String), Written>,
    /// Bytes of the keys and values in `written`.
    bytes: u64,
    stored_keys: BTreeMap<KvOwner, BTreeSet<String>>,
    /// The limit that the last write was over.
    over: Option<LimitName>,
}

struct Written {
    /// The last value; none: removed.
    value: Option<Vec<u8>>,
    /// The version of the last value; a key that comes back after a removal goes on from it.
    version: u64,
}

impl Written {
    /// What it counts for under its key.
    fn bytes(&self, key: &str) -> u64 {
        let value = self.value.as_ref().map_or(0, Vec::len);
        u64::try_from(key.len().saturating_add(value)).unwrap_or(u64::MAX)
    }
}

impl KvOverlay {
    /// The entry as the turn sees it.
    pub(super) async fn get(
        &self,
        lookups: &dyn Lookups,
        owner: &KvOwner,
        key: &str,
    ) -> Result<Option<KvEntry>, LookupError> {
        match self.written.get(&(owner.clone(), key.to_owned())) {
            Some(written) => Ok(written.value.clone().map(|value| KvEntry {
                value,
                version: written.version,
            })),
            None => lookups.kv_get(owner, KvScope::Conversation, key).await,
        }
    }

    /// Write, at the version after the last. Gives the new version.
    pub(super) async fn set(
        &mut self,
        lookups: &dyn Lookups,
        limits: &Limits,
        owner: &KvOwner,
        key: String,
        value: Vec<u8>,
        if_version: Option<u64>,
    ) -> Result<Result<u64, KvError>, LookupError> {
        let current = self.get(lookups, owner, &key).await?;
        let stored = current.as_ref().map_or(0, |entry| entry.version);
        if if_version.is_some_and(|expected| expected != stored) {
            return Ok(Err(KvError::Conflict(stored)));
        }
        if current.is_none() {
            let held = self.keys(lookups, limits, owner).await?.len();
            if held >= usize::try_from(limits.kv_keys).unwrap_or(usize::MAX) {
                self.over = Some(LimitName::KvKeys);
                return Ok(Err(KvError::TooLarge(format!(
                    "no more than {} keys in one conversation (kv_keys)",
                    limits.kv_keys
                ))));
            }
        }
        let place = (owner.clone(), key);
        let last = self
            .written
            .get(&place)
            .map_or(stored, |written| written.version);
        let version = last.saturating_add(1);
        let value = Some(value);
        Ok(self
            .keep(limits, place, Written { value, version })
            .map(|()| version))
    }

    /// Remove; what is not there stays so, and nothing is kept of it.
    pub(super) async fn delete(
        &mut self,
        lookups: &dyn Lookups,
        limits: &Limits,
        owner: &KvOwner,
        key: String,
    ) -> Result<Result<(), KvError>, LookupError> {
        let Some(entry) = self.get(lookups, owner, &key).await? else {
            return Ok(Ok(()));
        };
        let removed = Written {
            value: None,
            version: entry.version,
        };
        Ok(self.keep(limits, (owner.clone(), key), removed))
    }

    /// Keep a write, within what one turn may write.
    fn keep(
        &mut self,
        limits: &Limits,
        place: (KvOwner, String),
        written: Written,
    ) -> Result<(), KvError> {
        let before = self.written.get(&place).map(|last| last.bytes(&place.1));
        let entries = u32::try_from(self.written.len()).unwrap_or(u32::MAX);
        if before.is_none() && entries >= limits.overlay_entries {
            self.over = Some(LimitName::OverlayEntries);
            return Err(KvError::TooLarge(format!(
                "one turn writes at most {} keys of the conversation (overlay_entries)",
                limits.overlay_entries
            )));
        }
        let bytes = self
            .bytes
            .saturating_sub(before.unwrap_or(0))
            .saturating_add(written.bytes(&place.1));
        if bytes > limits.overlay_bytes {
            self.over = Some(LimitName::OverlayBytes);
            return Err(KvError::TooLarge(format!(
                "one turn writes at most {} bytes of keys and values of the conversation \
                 (overlay_bytes)",
                limits.overlay_bytes
            )));
        }
        self.bytes = bytes;
        self.written.insert(place, written);
        Ok(())
    }

    /// The limit that the last write was over, if it was over one; asked for once.
    pub(super) const fn take_over(&mut self) -> Option<LimitName> {
        self.over.take()
    }

    /// A page of the keys as the turn sees them.
    pub(super) async fn list(
        &mut self,
        lookups: &dyn Lookups,
        limits: &Limits,
        owner: &KvOwner,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<KvPage, LookupError> {
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut keys: Vec<String> = self
            .keys(lookups, limits, owner)
            .await?
            .into_iter()
            .filter(|key| key.starts_with(prefix))
            .filter(|key| after.is_none_or(|after| key.as_str() > after))
            .take(page.saturating_add(1))
            .collect();
        let more = keys.len() > page;
        keys.truncate(page);
        let cursor = keys.last().filter(|_| more).cloned();
        Ok(KvPage { keys, cursor })
    }

    /// The last state of every key that was written, leaving nothing.
    pub(super) fn take_writes(&mut self) -> Vec<KvWrite> {
        self.bytes = 0;
        std::mem::take(&mut self.written)
            .into_iter()
            .map(|((owner, key), written)| KvWrite {
                owner,
                key,
                entry: written.value.map(|value| KvEntry {
                    value,
                    version: written.version,
                }),
            })
            .collect()
    }

    async fn keys(
        &mut self,
        lookups: &dyn Lookups,
        limits: &Limits,
        owner: &KvOwner,
    ) -> Result<BTreeSet<String>, LookupError> {
        if !self.stored_keys.contains_key(owner) {
            let stored = stored_keys(lookups, limits, owner).await?;
            self.stored_keys.insert(owner.clone(), stored);
        }
        let mut keys = self.stored_keys.get(owner).cloned().unwrap_or_default();
        for ((whose, key), written) in &self.written {
            if whose != owner {
                continue;
            }
            if written.value.is_some() {
                keys.insert(key.clone());
            } else {
                keys.remove(key);
            }
        }
        Ok(keys)
    }
}

/// All stored keys; as many as the limit allows to be stored.
async fn stored_keys(
    lookups: &dyn Lookups,
    limits: &Limits,
    owner: &KvOwner,
) -> Result<BTreeSet<String>, LookupError> {
    let most = usize::try_from(limits.kv_keys).unwrap_or(usize::MAX);
    let mut keys = BTreeSet::new();
    let mut after: Option<String> = None;
    while keys.len() <= most {
        let page = lookups
            .kv_list(owner, KvScope::Conversation, "", after.as_deref(), PAGE)
            .await?;
        keys.extend(page.keys);
        match page.cursor {
            // A cursor that does not move on would be asked for ever.
            Some(cursor) if after.as_ref().is_none_or(|after| *after < cursor) => {
                after = Some(cursor);
            }
            _ => break,
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
