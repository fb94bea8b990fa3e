//! What a running turn reads and writes at once.

use super::LocalControl;
use crate::control::ControlError;
use crate::domain::{DocumentPath, KvEntry, KvError, KvOwner, KvPage, KvScope, Lease, MemoryHit};
use crate::queue::{self, LeaseError};
use crate::state::key_value::{self, Set, SetError};
use crate::state::memory;

/// Which keys to list.
pub(super) struct Range {
    pub(super) prefix: String,
    pub(super) after: String,
    pub(super) limit: u32,
}

/// A write under a lease, refused by the lease or by the state.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Refused(#[from] KvError),
}

impl From<crate::store::StoreError> for WriteError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Lease(error.into())
    }
}

impl From<SetError> for WriteError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Refused(error) => Self::Refused(error),
            SetError::Store(error) => error.into(),
        }
    }
}

impl LocalControl {
    pub(super) async fn kv_read(
        &self,
        lease: Lease,
        owner: KvOwner,
        scope: KvScope,
        key: String,
    ) -> Result<Option<KvEntry>, ControlError> {
        self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(key_value::get(tx, &lease, &owner, scope, &key).await?)
            })
        })
        .await
    }

    pub(super) async fn kv_write(
        &self,
        lease: Lease,
        owner: KvOwner,
        set: Set,
    ) -> Result<Result<u64, KvError>, ControlError> {
        let written = self.db.write(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(key_value::set(tx, &lease, &owner, set).await?)
            })
        });
        match written.await {
            Ok(version) => Ok(Ok(version)),
            Err(WriteError::Refused(error)) => Ok(Err(error)),
            Err(WriteError::Lease(error)) => Err(error.into()),
        }
    }

    pub(super) async fn kv_remove(
        &self,
        lease: Lease,
        owner: KvOwner,
        key: String,
        call: String,
    ) -> Result<(), ControlError> {
        self.leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(key_value::delete(tx, &lease, &owner, &key, &call).await?)
            })
        })
        .await
    }

    pub(super) async fn kv_keys(
        &self,
        lease: Lease,
        owner: KvOwner,
        scope: KvScope,
        range: Range,
    ) -> Result<KvPage, ControlError> {
        self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                let Range {
                    prefix,
                    after,
                    limit,
                } = &range;
                Ok(key_value::list(tx, &lease, &owner, scope, prefix, after, *limit).await?)
            })
        })
        .await
    }

    pub(super) async fn memory_hits(
        &self,
        lease: Lease,
        query: String,
        limit: u32,
    ) -> Result<Vec<MemoryHit>, ControlError> {
        let documents = self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(memory::documents(tx, &lease).await?)
            })
        });
        let documents = documents.await?;
        let ranked = tokio::task::spawn_blocking(move || memory::rank(&documents, &query, limit));
        ranked
            .await
            .map_err(|error| ControlError::Unavailable(error.to_string()))
    }

    pub(super) async fn memory_lines(
        &self,
        lease: Lease,
        path: DocumentPath,
        start: u32,
        lines: u32,
    ) -> Result<Option<String>, ControlError> {
        self.read_leased(move |tx| {
            Box::pin(async move {
                queue::check(tx, &lease).await?;
                Ok(memory::read(tx, &lease, &path, start, lines).await?)
            })
        })
        .await
    }
}
