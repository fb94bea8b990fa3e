//! The operator's key, from which every other key follows.

use crate::config::{MASTER_KEY_VARIABLE, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize as _, Zeroizing};

/// The length of a master key.
pub const MASTER_KEY_BYTES: usize = 32;

/// What a key file may hold, bytes: the key as text with some blanks around it.
const FILE_BYTES_MAX: u64 = 1 << 10;

/// The permissions that a key file may not have: anything for group and others, or execution.
#[cfg(unix)]
const FORBIDDEN_MODE: u32 = 0o177;

/// The operator's 32 bytes. Wiped when dropped, never printed, never stored in the database.
pub struct MasterKey {
    bytes: Zeroizing<[u8; MASTER_KEY_BYTES]>,
    id: KeyId,
}

/// Tells one master key from another and says nothing else about it. It is stored beside what was
/// sealed, so that a rotation knows which rows are still under the old key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 8]);

/// Why there is no master key. No variant holds any part of one.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither the variable nor the file is set.
    #[error(
        "no master key: set {MASTER_KEY_VARIABLE}, or secrets.master_key_file to a file made by `openssl rand -hex 32`"
    )]
    Absent,
    /// A text of another form.
    #[error("the master key in {place} must be 32 bytes as 64 hex digits or as base64")]
    Malformed {
        /// The variable or the file.
        place: String,
    },
    /// Others may read or change the file.
    #[error("the master key file {} has the permissions {mode:04o}; run `chmod 600` on it, and replace the key if others could have read it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file could not be read.
    #[error("cannot read the master key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file could not be made.
    #[error("cannot create the master key file {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl MasterKey {
    /// From the bytes themselves. The caller's copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut hash = Sha256::new();
        hash.update(b"agent-factory master key id v1\0");
        hash.update(bytes.as_slice());
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self {
            bytes,
            id: KeyId(id),
        }
    }

    /// As the configuration says: the variable, and where it is not set, the file.
    ///
    /// # Errors
    /// Where there is none, and where it cannot be used.
    pub fn from_config(secrets: &Secrets) -> Result<Self, MasterKeyError> {
        match (&secrets.master_key, &secrets.master_key_file) {
            (Some(text), _) => Self::parse(text.expose_secret(), MASTER_KEY_VARIABLE),
            (None, Some(path)) => Self::from_file(path),
            (None, None) => Err(MasterKeyError::Absent),
        }
    }

    /// From a file with 64 hex digits or base64, readable by its owner only.
    ///
    /// # Errors
    /// Where it cannot be read, holds something else, or is open to others.
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        refuse_exposed(&file, path)?;
        // Room for all of it, so that no half-read copy is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(2 << 10));
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        match read {
            Ok(_) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(MasterKeyError::Malformed {
                    place: path.display().to_string(),
                })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// For development: makes the file from these random bytes where there is none, with the
    /// permissions 0600, and reads it. The file appears whole or not at all, and an existing one is
    /// never written: whoever is second uses the key of the first.
    ///
    /// # Errors
    /// Where it cannot be made, and as [`MasterKey::from_file`].
    pub fn create_file_if_absent(
        path: &Path,
        mut random: [u8; MASTER_KEY_BYTES],
    ) -> Result<Self, MasterKeyError> {
        let text = Zeroizing::new(hex::encode(random));
        random.zeroize();
        if !path.exists() {
            match write_new(path, &text) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(MasterKeyError::Create {
                        path: path.to_path_buf(),
                        source: error,
                    });
                }
                _ => {}
            }
        }
        Self::from_file(path)
    }

    /// Which key this is.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// A key for one purpose (HKDF-SHA256). Keys of different labels say nothing about each other or
    /// about the master key; the label is part of the format of what the key protects.
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 fails beyond 8160 bytes only, and the length is fixed"
    )]
    #[must_use]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"agent-factory key v1"), self.bytes.as_slice())
            .expand(label.as_bytes(), key.as_mut_slice())
            .expect("32 bytes are within what HKDF gives");
        key
    }

    fn parse(text: &str, place: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
        let fits = if text.len() == 2 * MASTER_KEY_BYTES {
            hex::decode_to_slice(text, bytes.as_mut_slice()).is_ok()
        } else {
            // The decoder wants room for its estimate, which is a little more than 32 bytes.
            let mut decoded = Zeroizing::new([0; 48]);
            match STANDARD.decode_slice(text, decoded.as_mut_slice()) {
                Ok(MASTER_KEY_BYTES) => {
                    for (to, from) in bytes.iter_mut().zip(decoded.iter()) {
                        *to = *from;
                    }
                    true
                }
                _ => false,
            }
        };
        if fits {
            Ok(Self::from_bytes(*bytes))
        } else {
            Err(MasterKeyError::Malformed {
                place: place.to_owned(),
            })
        }
    }
}

/// Writes a file beside the wanted one and gives it its name only where there is none yet.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    // What is sealed under a key that a power cut takes away is lost.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Looks at the open file, not at its path: what was checked is what is read.
#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), MasterKeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| MasterKeyError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_MODE == 0 {
        Ok(())
    } else {
        Err(MasterKeyError::Exposed {
            path: path.to_path_buf(),
            mode,
        })
    }
}

/// Other systems have no mode to look at.
#[cfg(not(unix))]
fn refuse_exposed(_: &File, _: &Path) -> Result<(), MasterKeyError> {
    Ok(())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MasterKey({})", self.id)
    }
}

impl KeyId {
    /// As it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// 16 hex digits.
impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests;
