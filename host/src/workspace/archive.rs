//! A folder as one upload: an uncompressed tar archive, which `tar` and `curl` make as well as this program.
//!
//! What arrives is hostile until read: nothing is ever unpacked to a disk, nothing is decompressed, and a file is a slice
//! of the upload itself, so that an archive can make no more bytes than were sent.

use super::files::{FilePath, FilePathError, Files};
use super::folder::{Bounds, FolderError, MANIFEST};
use bytes::Bytes;
use std::io::Read as _;
use tar::{Archive, Builder, EntryType, Header};

/// A block of an archive, bytes. One of zeros is its end.
const BLOCK: usize = 512;
/// What compressed files begin with: gzip, zstd, bzip2, xz, zip.
const COMPRESSED: [&[u8]; 5] = [
    &[0x1f, 0x8b],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"BZh",
    &[0xfd, b'7', b'z', b'X', b'Z'],
    b"PK\x03\x04",
];

/// The files in `archive`. Where all of them lie in one folder, as in what `tar -c dice` makes, their paths begin
/// within it.
///
/// # Errors
/// The first entry that is not taken, and what to change.
pub fn unpack(archive: &Bytes, bounds: &Bounds) -> Result<Files, FolderError> {
    let size = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    if size > bounds.folder_bytes {
        return Err(FolderError::Large {
            max: bounds.folder_bytes,
        });
    }
    check_ends(archive)?;
    let mut entries = 0_u32;
    let mut files = Vec::new();
    let mut reader = Archive::new(&archive[..]);
    let broken = |error: std::io::Error| FolderError::Archive(error.to_string());
    for entry in reader.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        entries = entries.saturating_add(1);
        // Folders count too: they cost as much to read.
        if entries > bounds.files.saturating_mul(2) {
            return Err(FolderError::TooMany { max: bounds.files });
        }
        let kind = entry.header().entry_type();
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match kind {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            other => {
                let what = name_of(other);
                return Err(FolderError::NotAFile { path, what });
            }
        }
        if path.contains(char::REPLACEMENT_CHARACTER) {
            let source = FilePathError::Characters;
            return Err(FolderError::Path { path, source });
        }
        let broken = |why: &str| FolderError::Archive(format!("{path}: {why}"));
        let start = usize::try_from(entry.raw_file_position()).map_err(|_| broken("too far"))?;
        let length = usize::try_from(entry.size()).map_err(|_| broken("too long"))?;
        let end = start
            .checked_add(length)
            .filter(|end| *end <= archive.len());
        let end = end.ok_or_else(|| broken("the archive ends within this file"))?;
        // Let the reader go on to the next header.
        std::io::copy(&mut entry, &mut std::io::sink())
            .map_err(|error| broken(&error.to_string()))?;
        files.push((path, archive.slice(start..end)));
    }
    named(files)
}

/// Give each file its path within the folder.
fn named(files: Vec<(String, Bytes)>) -> Result<Files, FolderError> {
    let plain = |path: &str| path.strip_prefix("./").unwrap_or(path).to_owned();
    let files: Vec<(String, Bytes)> = files
        .into_iter()
        .map(|(path, bytes)| (plain(&path), bytes))
        .collect();
    let folder = if files.iter().any(|(path, _)| path == MANIFEST) {
        None
    } else {
        let first = files.first().and_then(|(path, _)| path.split_once('/'));
        let folder = first.map(|(folder, _)| format!("{folder}/"));
        folder.filter(|folder| {
            files
                .iter()
                .all(|(path, _)| path.starts_with(folder.as_str()))
        })
    };
    let mut named = Files::new();
    for (path, bytes) in files {
        let within = folder
            .as_deref()
            .and_then(|folder| path.strip_prefix(folder))
            .unwrap_or(&path);
        let parsed = |source| FolderError::Path {
            path: path.clone(),
            source,
        };
        let within: FilePath = within.parse().map_err(parsed)?;
        if named.insert(within.clone(), bytes).is_some() {
            return Err(FolderError::Twice { path: within });
        }
    }
    Ok(named)
}

/// It is an archive at all, and whole.
fn check_ends(archive: &[u8]) -> Result<(), FolderError> {
    let wrong = |why: &str| Err(FolderError::Archive(why.to_owned()));
    if COMPRESSED.iter().any(|magic| archive.starts_with(magic)) {
        return wrong("it is compressed; send it as it is, as `tar -cf -` makes it");
    }
    match archive.last_chunk::<BLOCK>() {
        Some(block) if block.iter().all(|byte| *byte == 0) => Ok(()),
        Some(_) => wrong("it has no end, so a part of it may be missing; send it again"),
        None => wrong("it is too short; send what `tar -C FOLDER -cf - .` makes"),
    }
}

fn name_of(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "symbolic link",
        EntryType::Link => "hard link",
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "thing of an unknown kind",
    }
}

/// An archive of `files`; the same files make the same bytes.
///
/// # Errors
/// Where a path fits no archive.
pub fn pack(files: &Files) -> std::io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o644);
        archive.append_data(&mut header, path.as_str(), bytes.as_ref().take(u64::MAX))?;
    }
    archive.into_inner()
}
