//! A control plane in memory.

use agent_factory::domain::{DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, MemoryHit};
use agent_factory::engine::{LookupError, Lookups};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Answers from maps, or with the same error always.
#[derive(Default)]
pub(crate) struct FakeLookups {
    pub(crate) failure: Option<LookupError>,
    pub(crate) stored: Mutex<BTreeMap<(String, String, String), KvEntry>>,
    pub(crate) documents: BTreeMap<String, String>,
    pub(crate) hits: Vec<MemoryHit>,
    /// The names of writes, in order.
    pub(crate) calls: Mutex<Vec<String>>,
}

fn place(owner: &KvOwner, scope: KvScope, key: &str) -> (String, String, String) {
    (
        owner.as_str().to_owned(),
        format!("{scope:?}"),
        key.to_owned(),
    )
}

impl FakeLookups {
    pub(crate) fn with(self, owner: &KvOwner, scope: KvScope, key: &str, version: u64) -> Self {
        let value = b"old".to_vec();
        let entry = KvEntry { value, version };
        self.stored
            .lock()
            .unwrap()
            .insert(place(owner, scope, key), entry);
        self
    }

    pub(crate) fn failing(failure: LookupError) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), LookupError> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Lookups for FakeLookups {
    async fn kv_get(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, LookupError> {
        self.check()?;
        Ok(self
            .stored
            .lock()
            .unwrap()
            .get(&place(owner, scope, key))
            .cloned())
    }

    async fn kv_set(
        &self,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, LookupError> {
        self.check()?;
        self.calls.lock().unwrap().push(call.to_owned());
        let mut stored = self.stored.lock().unwrap();
        let place = place(owner, KvScope::Agent, key);
        let version = stored.get(&place).map_or(0, |entry| entry.version);
        if if_version.is_some_and(|expected| expected != version) {
            return Ok(Err(KvError::Conflict(version)));
        }
        let version = version + 1;
        stored.insert(place, KvEntry { value, version });
        Ok(Ok(version))
    }

    async fn kv_delete(
        &self,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<Result<(), KvError>, LookupError> {
        self.check()?;
        self.calls.lock().unwrap().push(call.to_owned());
        self.stored
            .lock()
            .unwrap()
            .remove(&place(owner, KvScope::Agent, key));
        Ok(Ok(()))
    }

    async fn kv_list(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KvPage, LookupError> {
        self.check()?;
        let stored = self.stored.lock().unwrap();
        let mut keys: Vec<String> = stored
            .keys()
            .filter(|(whose, which, key)| {
                whose == owner.as_str()
                    && *which == format!("{scope:?}")
                    && key.starts_with(prefix)
                    && after.is_none_or(|after| key.as_str() > after)
            })
            .map(|(_, _, key)| key.clone())
            .collect();
        let more = keys.len() > limit as usize;
        keys.truncate(limit as usize);
        let cursor = keys.last().filter(|_| more).cloned();
        Ok(KvPage { keys, cursor })
    }

    async fn memory_search(&self, _: &str, limit: u32) -> Result<Vec<MemoryHit>, LookupError> {
        self.check()?;
        Ok(self.hits.iter().take(limit as usize).cloned().collect())
    }

    async fn memory_read(
        &self,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, LookupError> {
        self.check()?;
        Ok(self.documents.get(path.as_str()).map(|text| {
            let lines = text.lines().skip(start as usize - 1).take(lines as usize);
            lines.collect::<Vec<_>>().join("\n")
        }))
    }
}
