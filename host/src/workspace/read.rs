//! A workspace as it lies in a folder.

use super::files::{FilePath, Files};
use super::folder::{Bounds, FolderError, SkillFolder};
use crate::domain::{DocumentPath, IdError, SkillName};
use std::fs;
use std::path::{Path, PathBuf};

/// The most entries of one folder that holds documents or skills.
const ENTRIES_MAX: usize = 100_000;
/// Folders that tools leave behind and that belong to no skill.
const LEFT_OUT: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// A workspace folder, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// `AGENTS.md` and the like, `MEMORY.md`, and the notes under `memory/`.
    pub documents: Vec<(DocumentPath, String)>,
    /// The folders under `skills/`.
    pub skills: Vec<SkillFolder>,
}

/// A folder that is no workspace, or a file in it that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder that cannot be read.
    #[error("read {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Too large a file.
    #[error("{path} is larger than {max} bytes")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// Too many files.
    #[error("{path} holds more than {ENTRIES_MAX} files")]
    TooMany {
        /// Which.
        path: PathBuf,
    },
    /// A document that is not text, or whose name cannot be a path.
    #[error("{path} is not a document: {reason}")]
    NotADocument {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A folder whose name is no skill's.
    #[error("the folder {path} cannot be a skill's: {source}")]
    Name {
        /// Which.
        path: PathBuf,
        /// What a name is.
        source: IdError,
    },
    /// A skill.
    #[error("the skill in {path}: {source}")]
    Skill {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: FolderError,
    },
}

/// Read the workspace in `folder`. Blocks on the file system.
///
/// # Errors
/// The first file that cannot be used, and why.
pub fn read(folder: &Path, bounds: &Bounds) -> Result<Workspace, ReadError> {
    let mut documents = documents(folder, "", bounds)?;
    let memory = folder.join("memory");
    if memory.is_dir() {
        documents.extend(self::documents(&memory, "memory/", bounds)?);
    }
    let mut skills = Vec::new();
    let skills_folder = folder.join("skills");
    if skills_folder.is_dir() {
        for path in entries(&skills_folder)? {
            if path.join("SKILL.md").is_file() {
                skills.push(read_skill(&path, bounds)?);
            }
        }
    }
    Ok(Workspace { documents, skills })
}

/// The Markdown files right in `folder`.
fn documents(
    folder: &Path,
    prefix: &str,
    bounds: &Bounds,
) -> Result<Vec<(DocumentPath, String)>, ReadError> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !path.is_file() || !name.ends_with(".md") {
            continue;
        }
        // `memory.md` is an older OpenClaw's name of the same document.
        let older = prefix.is_empty() && name == "memory.md";
        if older && folder.join("MEMORY.md").is_file() {
            continue;
        }
        let name = if older { "MEMORY.md" } else { name };
        let not_a_document = |reason: String| ReadError::NotADocument {
            path: path.clone(),
            reason,
        };
        let document = format!("{prefix}{name}")
            .parse()
            .map_err(|error: IdError| not_a_document(error.to_string()))?;
        let text = String::from_utf8(bytes(&path, bounds.document_bytes)?)
            .ok()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| not_a_document("it is not UTF-8 text".to_owned()))?;
        found.push((document, text));
    }
    Ok(found)
}

/// Read the skill or engine in `folder`, whose name is the folder's. Hidden files, what tools leave behind (`target`,
/// `node_modules`, `__pycache__`) and symbolic links are left out. Blocks on the file system.
///
/// # Errors
/// The first file that cannot be used, and why.
pub fn read_skill(folder: &Path, bounds: &Bounds) -> Result<SkillFolder, ReadError> {
    // Of `.` or a link too.
    let real = fs::canonicalize(folder).map_err(|source| ReadError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let name = real
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let name: SkillName = name.parse().map_err(|source| ReadError::Name {
        path: folder.to_owned(),
        source,
    })?;
    let files = files(folder, bounds)?;
    SkillFolder::of(&name, files, bounds).map_err(in_skill(folder))
}

/// Every file under `folder`, by its path within it.
fn files(folder: &Path, bounds: &Bounds) -> Result<Files, ReadError> {
    let largest = bounds.file_bytes.max(bounds.component_bytes);
    let mut files = Files::new();
    let mut waiting = vec![(folder.to_owned(), String::new())];
    let mut total = 0_u64;
    while let Some((path, prefix)) = waiting.pop() {
        for entry in entries(&path)? {
            let name = entry
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            let within = format!("{prefix}{name}");
            if entry.is_dir() {
                waiting.push((entry, format!("{within}/")));
                continue;
            }
            let parsed: Result<FilePath, _> = within.parse();
            let parsed = parsed
                .map_err(|source| FolderError::Path {
                    path: within,
                    source,
                })
                .map_err(in_skill(folder))?;
            let content = bytes(&entry, largest)?;
            total = total.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
            files.insert(parsed, content.into());
            if files.len() > usize::try_from(bounds.files).unwrap_or(usize::MAX) {
                return Err(in_skill(folder)(FolderError::TooMany { max: bounds.files }));
            }
            if total > bounds.folder_bytes {
                return Err(in_skill(folder)(FolderError::Large {
                    max: bounds.folder_bytes,
                }));
            }
        }
    }
    Ok(files)
}

fn in_skill(folder: &Path) -> impl Fn(FolderError) -> ReadError {
    move |source| ReadError::Skill {
        path: folder.to_owned(),
        source,
    }
}

/// The files and folders in `folder`, in the order of names. Symbolic links are left out, since they lead elsewhere, and so
/// are pipes and the like.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if !kind.is_file() && !kind.is_dir() {
            continue;
        }
        if paths.len() == ENTRIES_MAX {
            return Err(ReadError::TooMany {
                path: folder.to_owned(),
            });
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths)
}

fn bytes(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > max {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
            max,
        });
    }
    fs::read(path).map_err(failed)
}
