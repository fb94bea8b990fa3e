//! A workspace as it lies in a folder.

use super::capabilities;
use super::manifest::{Manifest, ManifestError};
use crate::domain::{DocumentPath, Grants};
use std::fs;
use std::path::{Path, PathBuf};

/// The largest document, bytes.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// The largest component or asset, bytes; the component's own limit is checked at its admission.
const ASSET_BYTES_MAX: u64 = 64 << 20;
/// The most files of one folder.
const FILES_MAX: usize = 2_000;

/// A workspace folder, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// `AGENTS.md` and the like, `MEMORY.md`, and the notes under `memory/`.
    pub documents: Vec<(DocumentPath, String)>,
    /// The folders under `skills/`.
    pub skills: Vec<SkillFolder>,
}

/// One skill folder.
#[derive(Clone, Debug)]
pub struct SkillFolder {
    /// Where it lies, for messages.
    pub folder: PathBuf,
    /// What `SKILL.md` says.
    pub manifest: Manifest,
    /// `SKILL.md` itself.
    pub manifest_md: String,
    /// What `config/capabilities.toml` asks for.
    pub asked: Grants,
    /// The component's path within the folder and its bytes; none for a skill of instructions only.
    pub component: Option<(String, Vec<u8>)>,
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
    #[error("{path} holds more than {FILES_MAX} files")]
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
    /// A skill's manifest.
    #[error("{path}: {source}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// A skill's capabilities.
    #[error("{path}: {source}")]
    Capabilities {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// A manifest that names a component that is not there.
    #[error("{path} names the component {component}, which is not there; build the skill first")]
    NoComponent {
        /// The manifest.
        path: PathBuf,
        /// What it names.
        component: String,
    },
    /// A component's path that leads out of the folder.
    #[error("{path} names the component {component}, which is not within the skill's folder")]
    Outside {
        /// The manifest.
        path: PathBuf,
        /// What it names.
        component: String,
    },
}

/// Read the workspace in `folder`. Blocks on the file system.
///
/// # Errors
/// The first file that cannot be used, and why.
pub fn read(folder: &Path) -> Result<Workspace, ReadError> {
    let mut documents = documents(folder, "")?;
    let memory = folder.join("memory");
    if memory.is_dir() {
        documents.extend(self::documents(&memory, "memory/")?);
    }
    let mut skills = Vec::new();
    let skills_folder = folder.join("skills");
    if skills_folder.is_dir() {
        for path in entries(&skills_folder)? {
            if path.join("SKILL.md").is_file() {
                skills.push(skill(&path)?);
            }
        }
    }
    Ok(Workspace { documents, skills })
}

/// The Markdown files right in `folder`.
fn documents(folder: &Path, prefix: &str) -> Result<Vec<(DocumentPath, String)>, ReadError> {
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
            .map_err(|error: crate::domain::IdError| not_a_document(error.to_string()))?;
        found.push((document, text(&path)?));
    }
    Ok(found)
}

fn skill(folder: &Path) -> Result<SkillFolder, ReadError> {
    let path = folder.join("SKILL.md");
    let manifest_md = text(&path)?;
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let manifest = Manifest::parse(&manifest_md, name).map_err(|source| ReadError::Manifest {
        path: path.clone(),
        source,
    })?;
    let capabilities = folder.join("config/capabilities.toml");
    let asked = if capabilities.is_file() {
        capabilities::parse(&text(&capabilities)?).map_err(|source| ReadError::Capabilities {
            path: capabilities,
            source: source.into(),
        })?
    } else {
        Grants::default()
    };
    let component = component(folder, &path, &manifest)?;
    Ok(SkillFolder {
        folder: folder.to_owned(),
        manifest,
        manifest_md,
        asked,
        component,
    })
}

/// The component the manifest names, or `scripts/<name>.wasm` where that is there.
fn component(
    folder: &Path,
    manifest_path: &Path,
    manifest: &Manifest,
) -> Result<Option<(String, Vec<u8>)>, ReadError> {
    let usual = format!("scripts/{}.wasm", manifest.name);
    let (relative, named) = match &manifest.component {
        Some(component) => (component.clone(), true),
        None => (usual, false),
    };
    let component = relative.trim_start_matches("./").to_owned();
    let within = Path::new(&component)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !within {
        return Err(ReadError::Outside {
            path: manifest_path.to_owned(),
            component,
        });
    }
    let path = folder.join(&component);
    match (path.is_file(), named) {
        (true, _) => Ok(Some((component, bytes(&path, ASSET_BYTES_MAX)?))),
        (false, true) => Err(ReadError::NoComponent {
            path: manifest_path.to_owned(),
            component,
        }),
        (false, false) => Ok(None),
    }
}

/// What lies in `folder`, in the order of names. Symbolic links are left out: they lead elsewhere.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_symlink() {
            continue;
        }
        if paths.len() == FILES_MAX {
            return Err(ReadError::TooMany {
                path: folder.to_owned(),
            });
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, ReadError> {
    String::from_utf8(bytes(path, DOCUMENT_BYTES_MAX)?).map_err(|_| ReadError::NotADocument {
        path: path.to_owned(),
        reason: "it is not UTF-8 text".to_owned(),
    })
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
