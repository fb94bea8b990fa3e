//! One skill folder (an engine's has the same form): its files, checked and understood.

use super::capabilities::{self, CapabilitiesError};
use super::files::{AssetKind, FilePath, FilePathError, Files, under_a_file};
use super::manifest::{Manifest, ManifestError};
use crate::config::Config;
use crate::domain::{Digest, Grants, LimitSet, SkillName};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The file that makes a folder a skill.
pub(super) const MANIFEST: &str = "SKILL.md";
const CAPABILITIES: &str = "config/capabilities.toml";

/// How much one agent and one folder may hold (`[uploads]` and `limits.component_bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Documents of one agent.
    pub documents: u32,
    /// One document, or one `SKILL.md`, bytes.
    pub document_bytes: u64,
    /// Skills of one agent.
    pub skills: u32,
    /// Files of one folder.
    pub files: u32,
    /// One file that is no component, bytes.
    pub file_bytes: u64,
    /// All of a folder as it is uploaded, bytes.
    pub folder_bytes: u64,
    /// The component, bytes.
    pub component_bytes: u64,
}

impl Bounds {
    /// As configured.
    #[must_use]
    pub const fn of(config: &Config) -> Self {
        let uploads = &config.uploads;
        Self {
            documents: uploads.documents,
            document_bytes: uploads.document_bytes,
            skills: uploads.skills,
            files: uploads.files,
            file_bytes: uploads.file_bytes,
            folder_bytes: uploads.folder_bytes,
            component_bytes: config.limits.component_bytes,
        }
    }
}

/// A folder that is no skill. Names the file, the rule and what to change.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not a skill.
    #[error("there is no SKILL.md; a skill is a folder with a SKILL.md in it")]
    NoManifest,
    /// `SKILL.md` is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A path that is not taken.
    #[error("{path:?}: {source}")]
    Path {
        /// As it was given.
        path: String,
        /// Which rule it breaks.
        source: FilePathError,
    },
    /// Twice the same path.
    #[error("{path}: the folder holds two files of this path; keep one")]
    Twice {
        /// Which.
        path: FilePath,
    },
    /// A file and a folder of one name.
    #[error("{path}: a part of its path is itself a file; rename one of the two")]
    UnderAFile {
        /// Which.
        path: FilePath,
    },
    /// A link, a device, or the like.
    #[error(
        "{path:?} is a {what}; a folder may hold files and folders only: put the file itself there, or leave it out"
    )]
    NotAFile {
        /// Which.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Too many files.
    #[error("the folder holds more than {max} files (uploads.files); leave some out")]
    TooMany {
        /// The bound.
        max: u32,
    },
    /// Too large a file.
    #[error("{path} has {size} bytes, more than {max} ({bound}); make it smaller or leave it out")]
    LargeFile {
        /// Which.
        path: String,
        /// Its size.
        size: u64,
        /// The bound.
        max: u64,
        /// The bound's name.
        bound: &'static str,
    },
    /// Too large a folder.
    #[error("the folder is larger than {max} bytes (uploads.folder_bytes); leave some files out")]
    Large {
        /// The bound.
        max: u64,
    },
    /// A file that has to be text.
    #[error("{path} must be UTF-8 text without the character 0")]
    NotText {
        /// Which.
        path: String,
    },
    /// `config/capabilities.toml` is wrong.
    #[error("{CAPABILITIES}: {0}")]
    Capabilities(#[from] CapabilitiesError),
    /// The manifest names a component that is not there.
    #[error(
        "SKILL.md names the component {component}, which is not there; build the skill first, or correct \
         `agentfactory.component`"
    )]
    NoComponent {
        /// What it names.
        component: String,
    },
    /// An upload that is no archive.
    #[error("the upload is not a tar archive as it should be: {0}")]
    Archive(String),
}

/// One skill or engine folder.
#[derive(Clone, Debug)]
pub struct SkillFolder {
    /// What `SKILL.md` says.
    pub manifest: Manifest,
    /// `SKILL.md` itself.
    pub manifest_md: String,
    /// What `config/capabilities.toml` asks for.
    pub asked: Grants,
    /// What a call of it asks to take, in the same file.
    pub limits: LimitSet,
    /// Where the component lies; none for a skill of instructions only.
    pub component: Option<FilePath>,
    /// Every file but `SKILL.md`.
    pub files: Files,
}

impl SkillFolder {
    /// Understand the files of a folder called `name`.
    ///
    /// # Errors
    /// The first file that cannot be used, and what to change.
    pub fn of(name: &SkillName, mut files: Files, bounds: &Bounds) -> Result<Self, FolderError> {
        let manifest = files
            .iter()
            .find_map(|(path, bytes)| (path.as_str() == MANIFEST).then(|| bytes.clone()));
        let manifest = manifest.ok_or(FolderError::NoManifest)?;
        files.retain(|path, _| path.as_str() != MANIFEST);
        if files.len() >= usize::try_from(bounds.files).unwrap_or(usize::MAX) {
            return Err(FolderError::TooMany { max: bounds.files });
        }
        if let Some(path) = under_a_file(&files) {
            return Err(FolderError::UnderAFile { path: path.clone() });
        }
        within(
            MANIFEST,
            &manifest,
            bounds.document_bytes,
            "uploads.document_bytes",
        )?;
        let manifest_md = text(MANIFEST, &manifest)?;
        let manifest = Manifest::parse(&manifest_md, name.as_str())?;
        let component = component(&manifest, &files)?;
        for (path, bytes) in &files {
            let (max, bound) = if component.as_ref() == Some(path) {
                (bounds.component_bytes, "limits.component_bytes")
            } else {
                (bounds.file_bytes, "uploads.file_bytes")
            };
            within(path.as_str(), bytes, max, bound)?;
        }
        let (asked, limits) = match files.iter().find(|(path, _)| path.as_str() == CAPABILITIES) {
            Some((_, bytes)) => capabilities::parse(&text(CAPABILITIES, bytes)?)?,
            None => Default::default(),
        };
        Ok(Self {
            manifest,
            manifest_md,
            asked,
            limits,
            component,
            files,
        })
    }

    /// Whether it says what it may use or take (`config/capabilities.toml`): an engine, which has all of its agent's state,
    /// asks for nothing.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.files.keys().any(|path| path.as_str() == CAPABILITIES)
    }

    /// The component's bytes.
    #[must_use]
    pub fn component_bytes(&self) -> Option<Bytes> {
        self.files.get(self.component.as_ref()?).cloned()
    }

    /// What a file of this folder is for.
    #[must_use]
    pub fn kind(&self, path: &FilePath) -> AssetKind {
        if self.component.as_ref() == Some(path) {
            AssetKind::Component
        } else {
            path.kind()
        }
    }

    /// All files by their digests.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<&FilePath, Digest> {
        let digest = |(path, bytes): (_, &Bytes)| (path, Digest::of(bytes));
        self.files.iter().map(digest).collect()
    }
}

/// The component the manifest names, or `scripts/<name>.wasm` where that is there.
fn component(manifest: &Manifest, files: &Files) -> Result<Option<FilePath>, FolderError> {
    let Some(named) = &manifest.component else {
        let usual = format!("scripts/{}.wasm", manifest.name);
        let found = files.keys().find(|path| path.as_str() == usual);
        return Ok(found.cloned());
    };
    let path: FilePath =
        named
            .trim_start_matches("./")
            .parse()
            .map_err(|source| FolderError::Path {
                path: named.clone(),
                source,
            })?;
    if files.contains_key(&path) {
        return Ok(Some(path));
    }
    Err(FolderError::NoComponent {
        component: named.clone(),
    })
}

fn within(path: &str, bytes: &Bytes, max: u64, bound: &'static str) -> Result<(), FolderError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > max {
        return Err(FolderError::LargeFile {
            path: path.to_owned(),
            size,
            max,
            bound,
        });
    }
    Ok(())
}

fn text(path: &str, bytes: &Bytes) -> Result<String, FolderError> {
    // PostgreSQL stores no character 0 in a text.
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .map(str::to_owned)
        .ok_or_else(|| FolderError::NotText {
            path: path.to_owned(),
        })
}
