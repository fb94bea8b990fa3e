//! Bytes that the host keeps, so that a component holds a file without a copy of it.

use crate::host;
use std::fmt;

/// How much [`Blob::to_vec`] asks for at once, bytes.
const PIECE_BYTES: u32 = 1 << 20;

/// Bytes that never change, kept by the host: the content of a [`File`](crate::types::File). A clone
/// is another handle of the same bytes. What a call has made blobs of, and still holds, is bounded by
/// the host, and so are the handles.
///
/// ```
/// use agent_factory_sdk::types::Blob;
///
/// let blob = Blob::new(b"0123456789");
/// assert_eq!(blob.size(), 10);
/// assert_eq!(blob.read(8, 4), b"89");
/// assert_eq!(blob.clone().to_vec(), b"0123456789");
/// ```
pub struct Blob {
    held: host::Blob,
}

impl Blob {
    /// Keeps these bytes with the host.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self {
            held: host::Blob::new(bytes.as_ref()),
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.held.size()
    }

    /// At most `length` bytes from `offset`. Fewer only at the end, or where the host's limit for one
    /// call is reached; none from the end on.
    #[must_use]
    pub fn read(&self, offset: u64, length: u32) -> Vec<u8> {
        self.held.read(offset, length)
    }

    /// A copy of all the bytes, in the memory of the component.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let offset = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let piece = self.read(offset, PIECE_BYTES);
            if piece.is_empty() {
                return bytes;
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

impl Clone for Blob {
    fn clone(&self) -> Self {
        Self {
            held: host::Blob::clone(&self.held),
        }
    }
}

/// By content: reads both.
impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.size() == other.size() && self.to_vec() == other.to_vec()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Blob({} bytes)", self.size())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

/// What the generated code asks of a resource that it did not generate.
#[doc(hidden)]
impl Blob {
    #[allow(
        unsafe_code,
        clippy::allow_attributes,
        reason = "as the generated resources have it"
    )]
    pub unsafe fn from_handle(handle: u32) -> Self {
        Self {
            // SAFETY: the caller's, who has the handle from the host.
            held: unsafe { host::Blob::from_handle(handle) },
        }
    }

    pub fn take_handle(&self) -> u32 {
        self.held.take_handle()
    }

    pub fn handle(&self) -> u32 {
        self.held.handle()
    }
}
