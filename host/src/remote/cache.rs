//! Compiled components on a worker's disk, so that a worker that starts again does not download them again.
//!
//! One file an artifact, named by what it is for. The disk is not trusted: a file is verified whenever it is read, and one
//! that is not what was signed is removed. What was used longest ago goes first when the bound is reached; across
//! restarts, that is what the file system says. Several workers of one machine may share a folder.

mod file;

pub(super) use file::Partial;

use crate::domain::Digest;
use crate::engine::{ArtifactVerifier, CompiledComponent, Platform, Seal};
use file::{FINISHED, PARTIAL};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

/// What an artifact is of, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactKey {
    /// The component as it was uploaded.
    pub component: Digest,
    /// What it was compiled for.
    pub platform: Platform,
}

impl ArtifactKey {
    /// As its file is named, without what follows the dot. What stands in a platform's names shapes no path.
    fn name(&self) -> String {
        let Platform {
            compatibility,
            target,
        } = &self.platform;
        let platform = Digest::of_texts([compatibility.as_str(), target.as_str()]);
        let platform = platform.to_string();
        let short = platform.get(..16).unwrap_or(&platform);
        format!("{}-{short}", self.component)
    }
}

/// Artifacts in a folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArtifactCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    bytes_max: u64,
    index: Mutex<Index>,
    busy: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// What is there, and in which order it was used.
#[derive(Debug, Default)]
struct Index {
    files: HashMap<String, Used>,
    clock: u64,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    bytes: u64,
    at: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section below leaves its value whole, so a poisoned lock is still good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ArtifactCache {
    /// Use `folder`, which is made where there is none and closed to others, for at most `bytes_max` bytes. Blocks.
    ///
    /// # Errors
    /// Where the folder cannot be made or read.
    pub fn open(folder: &Path, bytes_max: u64) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let mut found: Vec<(SystemTime, String, u64)> = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            let Some(name) = entry.file_name().to_str().map(ToOwned::to_owned) else {
                continue;
            };
            if name.ends_with(PARTIAL) {
                file::remove_abandoned(&path);
            } else if let Some(name) = name.strip_suffix(FINISHED) {
                let modified = metadata.modified()?;
                let used = metadata.accessed().map_or(modified, |at| at.max(modified));
                found.push((used, name.to_owned(), metadata.len()));
            }
        }
        found.sort();
        let mut index = Index::default();
        for (_, name, bytes) in found {
            index.used(&name, bytes);
        }
        let cache = Self(Arc::new(Inner {
            folder: folder.to_owned(),
            bytes_max,
            index: Mutex::new(index),
            busy: Mutex::default(),
        }));
        cache.make_room(0);
        Ok(cache)
    }

    /// What is kept, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        locked(&self.0.index).bytes()
    }

    /// Wait until nobody else of this process gets the same artifact: who comes second finds it here.
    pub(super) async fn alone(&self, key: &ArtifactKey) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut busy = locked(&self.0.busy);
            busy.retain(|_, lock| lock.strong_count() > 0);
            let known = busy.get(&key.name()).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(tokio::sync::Mutex::new(()));
                busy.insert(key.name(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    /// The artifact, if it is here and `trust` vouches for it. A file that is anything else is removed.
    pub(super) async fn load(
        &self,
        key: &ArtifactKey,
        trust: &ArtifactVerifier,
    ) -> Option<CompiledComponent> {
        let (cache, key, trust) = (self.clone(), key.clone(), trust.clone());
        let loading = tokio::task::spawn_blocking(move || {
            let name = key.name();
            let path = cache.path(&name, FINISHED);
            let (seal, bytes) = match file::read(&path) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "a cached component cannot be read");
                    cache.forget(&name);
                    return None;
                }
            };
            let size = file::size_of(&bytes);
            let artifact = artifact(&key, seal, bytes);
            if trust.verify(&artifact).is_err() {
                tracing::warn!(path = %path.display(), "a cached component is not what was signed; it is removed");
                cache.forget(&name);
                return None;
            }
            locked(&cache.0.index).used(&name, size);
            Some(artifact)
        });
        loading.await.ok().flatten()
    }

    /// Where a download of the artifact goes on, or begins; none where the disk does not take it.
    pub(super) async fn partial(&self, key: &ArtifactKey) -> Option<Partial> {
        let (cache, name) = (self.clone(), key.name());
        let opening = tokio::task::spawn_blocking(move || {
            // Another process of this machine may be at it: then this one has a file of its own.
            let own = format!(".{}{PARTIAL}", std::process::id());
            let paths = [cache.path(&name, PARTIAL), cache.path(&name, &own)];
            paths
                .into_iter()
                .find_map(|path| Partial::open(path).ok().flatten())
        });
        opening.await.ok().flatten()
    }

    /// Verify a finished download, and keep it as far as there is room.
    pub(super) async fn finish(
        &self,
        key: &ArtifactKey,
        partial: Partial,
        trust: &ArtifactVerifier,
    ) -> Result<CompiledComponent, Spoiled> {
        let (cache, key, trust) = (self.clone(), key.clone(), trust.clone());
        let finishing = tokio::task::spawn_blocking(move || {
            let (seal, bytes) = partial.whole().map_err(|_| Spoiled)?;
            let size = file::size_of(&bytes);
            let artifact = artifact(&key, seal, bytes);
            if trust.verify(&artifact).is_err() {
                partial.remove();
                return Err(Spoiled);
            }
            if size > cache.0.bytes_max {
                partial.remove();
                return Ok(artifact);
            }
            cache.make_room(size);
            let name = key.name();
            match partial.keep_as(&cache.path(&name, FINISHED)) {
                Ok(()) => locked(&cache.0.index).used(&name, size),
                Err(error) => tracing::warn!(%error, "a component cannot be kept on disk"),
            }
            Ok(artifact)
        });
        finishing.await.unwrap_or(Err(Spoiled))
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.0.folder.join(format!("{name}{ending}"))
    }

    fn forget(&self, name: &str) {
        std::fs::remove_file(self.path(name, FINISHED)).ok();
        locked(&self.0.index).files.remove(name);
    }

    /// Remove what was used longest ago until `more` bytes fit.
    fn make_room(&self, more: u64) {
        loop {
            let oldest = {
                let index = locked(&self.0.index);
                if index.bytes().saturating_add(more) <= self.0.bytes_max {
                    return;
                }
                let oldest = index.files.iter().min_by_key(|(_, used)| used.at);
                oldest.map(|(name, _)| name.clone())
            };
            let Some(name) = oldest else { return };
            self.forget(&name);
        }
    }
}

impl Index {
    fn used(&mut self, name: &str, bytes: u64) {
        self.clock = self.clock.saturating_add(1);
        let at = self.clock;
        self.files.insert(name.to_owned(), Used { bytes, at });
    }

    fn bytes(&self) -> u64 {
        self.files.values().map(|used| used.bytes).sum()
    }
}

/// A download that is not what was signed, or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spoiled;

pub(super) fn artifact(key: &ArtifactKey, seal: Seal, bytes: Vec<u8>) -> CompiledComponent {
    CompiledComponent {
        component: key.component,
        compatibility: key.platform.compatibility.clone(),
        target: key.platform.target.clone(),
        description: seal.description,
        signature: seal.signature,
        bytes,
    }
}

#[cfg(test)]
mod tests;
