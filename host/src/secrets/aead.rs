//! Sealing and opening one secret.

use super::{KeyId, MasterKey};
use crate::domain::{SecretRef, TenantId};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// The randomness that one seal takes. 24 bytes are enough to draw without ever counting.
pub const NONCE_BYTES: usize = 24;

/// The longest secret, bytes. Keys and tokens are far below; a file belongs elsewhere.
pub const SECRET_BYTES_MAX: usize = 64 << 10;

/// The key's label. Whoever changes the algorithm or the bound place changes it too.
const LABEL: &str = "secrets: xchacha20-poly1305 v1";

/// What a seal is bound to: one version of one name of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretPlace<'a> {
    /// Whose secret it is.
    pub tenant: &'a TenantId,
    /// Its name (`secretRef`).
    pub secret_ref: &'a SecretRef,
    /// Counted from 1 by each import under this name.
    pub version: u32,
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The master key it was sealed under.
    pub key_id: KeyId,
    /// Drawn for this seal.
    pub nonce: [u8; NONCE_BYTES],
    /// As long as the secret, and 16 bytes that prove it.
    pub ciphertext: Vec<u8>,
}

/// A secret that is not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Beyond [`SECRET_BYTES_MAX`].
    #[error("a secret may have {SECRET_BYTES_MAX} bytes at most, not {0}")]
    TooLong(usize),
    /// The cipher refused; it does so beyond 256 GiB only.
    #[error("the cipher could not seal the secret")]
    Cipher,
}

/// A stored secret that does not open. Names keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another master key is needed.
    #[error(
        "the secret was sealed under the master key {sealed}, but the one in use is {present}; start with the former, or import the secret again"
    )]
    OtherKey {
        /// The key that would open it.
        sealed: KeyId,
        /// The key that was tried.
        present: KeyId,
    },
    /// The right key, but the row is not as it was sealed, or not where.
    #[error(
        "the stored secret was changed, or moved from another tenant, name or version (key {0}); import it again"
    )]
    Tampered(KeyId),
}

impl MasterKey {
    /// Encrypts a secret for one place. `nonce` must be random and drawn for this call alone.
    ///
    /// # Errors
    /// Where the secret is longer than [`SECRET_BYTES_MAX`].
    pub fn seal(
        &self,
        place: SecretPlace<'_>,
        secret: &SecretString,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<SealedSecret, SealError> {
        let plaintext = secret.expose_secret().as_bytes();
        if plaintext.len() > SECRET_BYTES_MAX {
            return Err(SealError::TooLong(plaintext.len()));
        }
        let payload = Payload {
            msg: plaintext,
            aad: &place.bound(self.id()),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Cipher)?;
        Ok(SealedSecret {
            key_id: self.id(),
            nonce,
            ciphertext,
        })
    }

    /// Decrypts a secret that was sealed for this place.
    ///
    /// # Errors
    /// Where it was sealed under another key, for another place, or changed since.
    pub fn open(
        &self,
        place: SecretPlace<'_>,
        sealed: &SealedSecret,
    ) -> Result<SecretString, OpenError> {
        if sealed.key_id != self.id() {
            return Err(OpenError::OtherKey {
                sealed: sealed.key_id,
                present: self.id(),
            });
        }
        let payload = Payload {
            msg: &sealed.ciphertext,
            aad: &place.bound(self.id()),
        };
        let tampered = || OpenError::Tampered(self.id());
        let plaintext = self
            .cipher()
            .decrypt(&XNonce::from(sealed.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| tampered())?;
        // Copied into a text of exactly its length: to shrink the buffer would leave its old bytes
        // behind in memory.
        let text = std::str::from_utf8(&plaintext).map_err(|_| tampered())?;
        Ok(SecretString::from(text))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = self.derive(LABEL);
        XChaCha20Poly1305::new((&*key).into())
    }
}

impl SecretPlace<'_> {
    /// The place as bytes: each part behind its length, so that no two places read the same.
    fn bound(&self, key: KeyId) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [
            LABEL.as_bytes(),
            key.as_bytes(),
            self.tenant.as_str().as_bytes(),
            self.secret_ref.as_str().as_bytes(),
            &self.version.to_be_bytes(),
        ] {
            // Ids are far shorter; a length that did not fit would only have to differ.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "SealedSecret({}, {} bytes)",
            self.key_id,
            self.ciphertext.len()
        )
    }
}

#[cfg(test)]
mod tests;
