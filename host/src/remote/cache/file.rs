//! One file of the cache: a mark, the seal, the code.

use crate::engine::{ComponentKind, Description, Seal};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How the name of a whole artifact ends.
pub(super) const FINISHED: &str = ".cwasm";
/// How the name of a begun one ends.
pub(super) const PARTIAL: &str = ".part";

/// Names the form of the file.
const MARK: &[u8; 8] = b"AFCWASM2";
/// The kind, a digest of the tools, the signature.
const SEAL: usize = 1 + 64 + 64;
const HEADER: usize = MARK.len() + SEAL;

/// A download that has begun. This process alone writes to it.
#[derive(Debug)]
pub(in crate::remote) struct Partial {
    path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    seal: Option<Seal>,
    /// Bytes of code.
    have: u64,
}

/// The size of the file of an artifact with this code.
pub(super) fn size_of(code: &[u8]) -> u64 {
    u64::try_from(code.len().saturating_add(HEADER)).unwrap_or(u64::MAX)
}

/// The seal and the code of a file.
pub(super) fn read(path: &Path) -> io::Result<(Seal, Vec<u8>)> {
    read_all(&mut File::open(path)?)
}

fn read_all(file: &mut File) -> io::Result<(Seal, Vec<u8>)> {
    file.seek(SeekFrom::Start(0))?;
    let seal = read_seal(file)?;
    let mut code = Vec::new();
    file.read_to_end(&mut code)?;
    Ok((seal, code))
}

fn read_seal(file: &mut File) -> io::Result<Seal> {
    let other = || io::Error::new(io::ErrorKind::InvalidData, "not a cached component");
    let mut mark = [0; MARK.len()];
    file.read_exact(&mut mark)?;
    if mark != *MARK {
        return Err(other());
    }
    let (mut kind, mut tools, mut signature) = ([0; 1], [0; 64], [0; 64]);
    file.read_exact(&mut kind)?;
    file.read_exact(&mut tools)?;
    file.read_exact(&mut signature)?;
    let kind = match kind {
        [b'S'] => ComponentKind::Skill,
        [b'E'] => ComponentKind::Engine,
        _ => return Err(other()),
    };
    let tools = std::str::from_utf8(&tools).ok();
    let tools = tools.and_then(|tools| tools.parse().ok());
    Ok(Seal {
        description: Description {
            kind,
            tools: tools.ok_or_else(other)?,
        },
        signature,
    })
}

fn write_seal(file: &mut File, seal: &Seal) -> io::Result<()> {
    file.write_all(MARK)?;
    file.write_all(match seal.description.kind {
        ComponentKind::Skill => b"S",
        ComponentKind::Engine => b"E",
    })?;
    file.write_all(seal.description.tools.to_string().as_bytes())?;
    file.write_all(&seal.signature)
}

/// Remove a begun file that has a process's own name and belongs to no process any more. The others are gone on with.
pub(super) fn remove_abandoned(path: &Path) {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let own = stem.is_some_and(|stem| stem.contains('.'));
    if own
        && let Ok(file) = File::open(path)
        && file.try_lock().is_ok()
    {
        std::fs::remove_file(path).ok();
    }
}

impl Partial {
    /// Open what has begun, or begin; none where another process is at it.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let length = file.metadata()?.len();
        // What is no beginning of such a file is written over.
        let seal = read_seal(&mut file).ok();
        let header = u64::try_from(HEADER).unwrap_or(u64::MAX);
        let have = seal.map_or(0, |_| length.saturating_sub(header));
        Ok(Some(Self {
            path,
            file,
            seal,
            have,
        }))
    }

    /// What is here already: of which artifact, and how many bytes of its code.
    pub(in crate::remote) fn begun(&self) -> Option<(Seal, u64)> {
        self.seal
            .filter(|_| self.have > 0)
            .map(|seal| (seal, self.have))
    }

    /// Begin anew, with the artifact of this seal.
    pub(in crate::remote) fn begin(&mut self, seal: Seal) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        write_seal(&mut self.file, &seal)?;
        self.seal = Some(seal);
        self.have = 0;
        Ok(())
    }

    /// The next bytes of the code.
    pub(in crate::remote) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(bytes)?;
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.have = self.have.saturating_add(more);
        Ok(())
    }

    /// Bytes of code that are here.
    pub(in crate::remote) fn have(&self) -> u64 {
        self.have
    }

    pub(super) fn whole(&self) -> io::Result<(Seal, Vec<u8>)> {
        read_all(&mut self.file.try_clone()?)
    }

    /// It is whole: on the disk, then under its name, so that no crash leaves half of one there.
    pub(super) fn keep_as(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    pub(in crate::remote) fn remove(self) {
        std::fs::remove_file(&self.path).ok();
    }
}
