//! What a turn asks of the control plane while it runs.

use crate::domain::{DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, MemoryHit};
use async_trait::async_trait;

/// Why the control plane gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The turn's lease is gone: somebody else owns the conversation now, and this turn must stop.
    #[error("the lease is gone")]
    LeaseLost,
    /// The answer did not arrive; says why. The guest is told, and may go on.
    #[error("the control plane could not be asked: {0}")]
    Unavailable(String),
}

/// The operations of a turn that take effect, or are answered, at once. Bound to one leased
/// conversation: a guest names no tenant, agent or conversation, so it cannot name a foreign one.
///
/// Writes in the agent's scope happen here; those in the conversation's scope, and appends to the
/// memory, are kept by the turn and stored when it completes.
#[async_trait]
pub trait Lookups: Send + Sync {
    /// The stored entry of a key, if there is one.
    async fn kv_get(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, LookupError>;

    /// Write in the agent's scope; with `if_version`, only over that version (0: only if absent).
    /// Gives the new version. `call` names the call: a repeat with the same name changes nothing
    /// more, and is answered as the first was.
    ///
    /// `limits.kv_keys` is kept by the other side; the sizes were checked before.
    async fn kv_set(
        &self,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, LookupError>;

    /// Remove in the agent's scope; `call` as in [`Lookups::kv_set`].
    async fn kv_delete(
        &self,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<Result<(), KvError>, LookupError>;

    /// At most `limit` stored keys that start with `prefix` and come after `after`, in byte order.
    async fn kv_list(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KvPage, LookupError>;

    /// The best places of the stored memory for `query`, best first, at most `limit`.
    async fn memory_search(&self, query: &str, limit: u32) -> Result<Vec<MemoryHit>, LookupError>;

    /// Up to `lines` lines of a stored memory document from line `start` (1-based); none where
    /// there is no such document.
    async fn memory_read(
        &self,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, LookupError>;
}

/// Nothing is stored and nobody can be asked: for components that are described, tried or measured by themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookups;

impl NoLookups {
    fn unavailable<T>() -> Result<T, LookupError> {
        Err(LookupError::Unavailable(
            "there is no control plane here".to_owned(),
        ))
    }
}

#[async_trait]
impl Lookups for NoLookups {
    async fn kv_get(
        &self,
        _: &KvOwner,
        _: KvScope,
        _: &str,
    ) -> Result<Option<KvEntry>, LookupError> {
        Self::unavailable()
    }

    async fn kv_set(
        &self,
        _: &KvOwner,
        _: &str,
        _: Vec<u8>,
        _: Option<u64>,
        _: &str,
    ) -> Result<Result<u64, KvError>, LookupError> {
        Self::unavailable()
    }

    async fn kv_delete(
        &self,
        _: &KvOwner,
        _: &str,
        _: &str,
    ) -> Result<Result<(), KvError>, LookupError> {
        Self::unavailable()
    }

    async fn kv_list(
        &self,
        _: &KvOwner,
        _: KvScope,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<KvPage, LookupError> {
        Self::unavailable()
    }

    async fn memory_search(&self, _: &str, _: u32) -> Result<Vec<MemoryHit>, LookupError> {
        Self::unavailable()
    }

    async fn memory_read(
        &self,
        _: &DocumentPath,
        _: u32,
        _: u32,
    ) -> Result<Option<String>, LookupError> {
        Self::unavailable()
    }
}
