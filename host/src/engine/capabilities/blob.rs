//! `blobs`: bytes that the host keeps for a guest.
//!
//! A blob of the history, or of a tool's output, shares the bytes of its turn and costs no more than
//! its handle. One that a guest makes is memory of the host's, so the bytes that a call has made and
//! still holds are bounded (`limits.blob_bytes`). Once a file is part of a reply, a message or a tool's
//! output, its bytes count there, and no longer here.

use crate::domain::json::base64_bytes;
use crate::domain::{Digest, LimitName};
use crate::engine::bindings::v0_1::blobs::{Host, HostBlob};
use crate::engine::dispatcher::{HostCall, Scope};
use crate::engine::state::CallState;
use crate::engine::stop::Stop;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::Resource;

/// A blob, as the table of a call holds it. A clone shares the bytes.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
#[derive(Clone)]
pub struct Blob {
    bytes: Bytes,
    /// What it counts for, where the guest made it.
    _share: Option<Arc<Share>>,
}

impl Blob {
    /// A blob of bytes that the turn holds anyway.
    pub(in crate::engine) const fn shared(bytes: Bytes) -> Self {
        Self {
            bytes,
            _share: None,
        }
    }

    /// The bytes, to become part of something that counts them.
    pub(in crate::engine) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// A blob is told of by what it is.
impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        digest(&self.bytes, to)
    }
}

fn digest<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    Digest::of(bytes).serialize(to)
}

/// How many bytes of blobs a call has made and still holds. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct BlobBudget(Arc<AtomicU64>);

/// Bytes of a budget, given back when the last handle of their blob is gone.
struct Share {
    budget: BlobBudget,
    bytes: u64,
}

impl BlobBudget {
    /// Take `bytes`, unless that makes more than `limit`.
    fn take(&self, bytes: u64, limit: u64) -> Option<Share> {
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|held| *held <= limit)
            });
        taken.ok().map(|_| Share {
            budget: self.clone(),
            bytes,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Serialize)]
struct Make(#[serde(with = "base64_bytes")] Vec<u8>);

impl HostCall for Make {
    type Answer = Blob;
    const NAME: &'static str = "blob.new";

    async fn answer(self, scope: &mut Scope) -> Result<Blob, Stop> {
        let size = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let limit = scope.limits().blob_bytes;
        let share = scope
            .blobs
            .take(size, limit)
            .ok_or_else(|| Stop::over(scope.limits(), LimitName::BlobBytes))?;
        Ok(Blob {
            bytes: self.0.into(),
            _share: Some(Arc::new(share)),
        })
    }
}

#[derive(Serialize)]
struct Size(#[serde(serialize_with = "digest")] Bytes);

impl HostCall for Size {
    type Answer = u64;
    const NAME: &'static str = "blob.size";

    async fn answer(self, _: &mut Scope) -> Result<u64, Stop> {
        Ok(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }
}

#[derive(Serialize)]
struct Read {
    #[serde(serialize_with = "digest")]
    bytes: Bytes,
    offset: u64,
    length: u32,
}

impl HostCall for Read {
    type Answer = Vec<u8>;
    const NAME: &'static str = "blob.read";

    async fn answer(self, scope: &mut Scope) -> Result<Vec<u8>, Stop> {
        let most = u64::from(self.length).min(scope.limits().host_call_bytes);
        Ok(piece(&self.bytes, self.offset, most).to_vec())
    }
}

/// At most `length` bytes from `offset`; none from the end on.
fn piece(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes
        .get(place(offset)..place(offset.saturating_add(length)))
        .unwrap_or_default()
}

#[derive(Serialize)]
struct Copy(Blob);

impl HostCall for Copy {
    type Answer = Blob;
    const NAME: &'static str = "blob.clone";

    async fn answer(self, _: &mut Scope) -> Result<Blob, Stop> {
        Ok(self.0)
    }
}

impl Host for CallState {}

impl HostBlob for CallState {
    async fn new(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Resource<Blob>> {
        let blob = self.scope.call(Make(bytes)).await?;
        Ok(self.table.push(blob)?)
    }

    async fn size(&mut self, blob: Resource<Blob>) -> wasmtime::Result<u64> {
        let bytes = self.table.get(&blob)?.bytes.clone();
        self.scope.call(Size(bytes)).await
    }

    async fn read(
        &mut self,
        blob: Resource<Blob>,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Vec<u8>> {
        let bytes = self.table.get(&blob)?.bytes.clone();
        let read = Read {
            bytes,
            offset,
            length,
        };
        self.scope.call(read).await
    }

    async fn clone(&mut self, blob: Resource<Blob>) -> wasmtime::Result<Resource<Blob>> {
        let blob = Clone::clone(self.table.get(&blob)?);
        let copy = self.scope.call(Copy(blob)).await?;
        Ok(self.table.push(copy)?)
    }

    async fn drop(&mut self, blob: Resource<Blob>) -> wasmtime::Result<()> {
        self.table.delete(blob)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_ends_where_the_bytes_do() {
        let bytes = b"0123456789";
        assert_eq!(piece(bytes, 0, 4), b"0123");
        assert_eq!(piece(bytes, 8, 4), b"89");
        assert_eq!(piece(bytes, 10, 4), b"");
        assert_eq!(piece(bytes, u64::MAX, u64::MAX), b"");
        assert_eq!(piece(bytes, 3, u64::MAX), b"3456789");
    }

    #[test]
    fn bytes_are_taken_up_to_the_limit_and_given_back_with_the_last_handle() {
        let budget = BlobBudget::default();
        let first = Arc::new(budget.take(6, 10).unwrap());
        let second = budget.take(4, 10).unwrap();
        assert!(budget.take(1, 10).is_none());
        assert!(budget.take(u64::MAX, 10).is_none(), "no overflow");
        let again = Arc::clone(&first);
        drop(first);
        assert!(budget.take(1, 10).is_none(), "one handle is left");
        drop(again);
        assert!(budget.take(6, 10).is_some());
        drop(second);
        assert!(budget.take(10, 10).is_some());
    }
}
