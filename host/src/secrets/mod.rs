//! Secrets at rest: sealed with a key that is never stored beside them.
//!
//! The reference obscured its secrets with a fixed mask and called it encryption. Here a secret is
//! sealed by an AEAD under a key that follows from the operator's [`MasterKey`], bound to the place
//! it is stored at: a row that was changed, or moved to another tenant, name or version, does not open.
//!
//! The cryptography has no database and no defaults, and takes randomness as an argument; [`import`] and
//! [`active`] keep what it sealed.

mod aead;
mod master_key;
mod store;
mod versions;

pub use aead::{NONCE_BYTES, OpenError, SECRET_BYTES_MAX, SealError, SealedSecret, SecretPlace};
pub use master_key::{KeyId, MASTER_KEY_BYTES, MasterKey, MasterKeyError};
pub use store::{SecretError, active, import};
pub use versions::{SecretVersion, deactivate, versions};
