//! What a running turn asks at once, asked under its lease.

use crate::control::{ControlError, ControlPlane};
use crate::domain::{DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit};
use crate::engine::{LookupError, Lookups};
use async_trait::async_trait;
use std::sync::Arc;

/// Binds the control plane's operations to one lease: a guest names no tenant and no agent.
pub(super) struct LeasedLookups {
    plane: Arc<dyn ControlPlane>,
    lease: Lease,
}

impl LeasedLookups {
    pub(super) fn new(plane: Arc<dyn ControlPlane>, lease: Lease) -> Self {
        Self { plane, lease }
    }
}

impl From<ControlError> for LookupError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::LeaseLost => Self::LeaseLost,
            ControlError::Refused(reason) | ControlError::Unavailable(reason) => {
                Self::Unavailable(reason)
            }
        }
    }
}

#[async_trait]
impl Lookups for LeasedLookups {
    async fn kv_get(
        &self,
        owner: &KvOwner,
        scope: KvScope,
        key: &str,
    ) -> Result<Option<KvEntry>, LookupError> {
        Ok(self.plane.kv_get(&self.lease, owner, scope, key).await?)
    }

    async fn kv_set(
        &self,
        owner: &KvOwner,
        key: &str,
        value: Vec<u8>,
        if_version: Option<u64>,
        call: &str,
    ) -> Result<Result<u64, KvError>, LookupError> {
        Ok(self
            .plane
            .kv_set(&self.lease, owner, key, value, if_version, call)
            .await?)
    }

    async fn kv_delete(
        &self,
        owner: &KvOwner,
        key: &str,
        call: &str,
    ) -> Result<Result<(), KvError>, LookupError> {
        self.plane.kv_delete(&self.lease, owner, key, call).await?;
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
        let after = after.unwrap_or_default();
        Ok(self
            .plane
            .kv_list(&self.lease, owner, scope, prefix, after, limit)
            .await?)
    }

    async fn memory_search(&self, query: &str, limit: u32) -> Result<Vec<MemoryHit>, LookupError> {
        Ok(self.plane.memory_search(&self.lease, query, limit).await?)
    }

    async fn memory_read(
        &self,
        path: &DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, LookupError> {
        Ok(self
            .plane
            .memory_read(&self.lease, path, start, lines)
            .await?)
    }
}
