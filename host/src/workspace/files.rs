//! The files of a folder, wherever they came from: what their paths may be and what each is for.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

/// The longest path, bytes.
const PATH_BYTES_MAX: usize = 256;
/// The deepest path, names.
const DEPTH_MAX: usize = 16;

/// Where a file lies within its folder, for example `scripts/dice.wasm`: names divided by `/`, none of them `.` or `..`, at
/// most 256 bytes and 16 names, without control characters and `\`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// A path that no file of a folder can have; says which rule it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilePathError {
    /// Nothing, or more than fits.
    #[error("its path must have 1 to {PATH_BYTES_MAX} bytes and at most {DEPTH_MAX} names")]
    Length,
    /// It leads elsewhere.
    #[error("its path must lie within the folder: no `/` at its beginning, no `.`, no `..`")]
    Outside,
    /// A character that some system could not store.
    #[error("its path must be UTF-8 without control characters and backslashes")]
    Characters,
}

impl FilePath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the folder's standard says a file here is for.
    #[must_use]
    pub(super) fn kind(&self) -> AssetKind {
        match self.0.split_once('/').map_or("", |(first, _)| first) {
            "scripts" => AssetKind::Script,
            "config" => AssetKind::Config,
            "references" => AssetKind::Reference,
            _ => AssetKind::Asset,
        }
    }
}

impl FromStr for FilePath {
    type Err = FilePathError;

    fn from_str(text: &str) -> Result<Self, FilePathError> {
        if text.is_empty() || text.len() > PATH_BYTES_MAX || text.split('/').count() > DEPTH_MAX {
            return Err(FilePathError::Length);
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(FilePathError::Characters);
        }
        let plain = |name: &str| !matches!(name, "" | "." | "..");
        let within = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if within && text.split('/').all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(FilePathError::Outside)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a file of a skill is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// The WebAssembly component: the one thing that runs.
    Component,
    /// Stored, shown, and never executed.
    Script,
    /// `config/`.
    Config,
    /// `references/`.
    Reference,
    /// Anything else.
    Asset,
}

impl AssetKind {
    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Script => "script",
            Self::Config => "config",
            Self::Reference => "reference",
            Self::Asset => "asset",
        }
    }
}

/// The files of one folder by their paths. Cheap to clone.
pub type Files = BTreeMap<FilePath, Bytes>;

/// A file that lies under another file, if there is one: no disk could hold both.
pub(super) fn under_a_file(files: &Files) -> Option<&FilePath> {
    files.keys().find(|path| {
        path.0
            .match_indices('/')
            .filter_map(|(at, _)| path.0.get(..at))
            .any(|folder| files.contains_key(&FilePath(folder.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_accepted_at_its_bounds_and_refused_beyond_them() {
        let long = |bytes: usize| "x".repeat(bytes).parse::<FilePath>();
        assert!(long(256).is_ok());
        assert_eq!(long(257), Err(FilePathError::Length));
        let deep = |names: usize| vec!["x"; names].join("/").parse::<FilePath>();
        assert!(deep(16).is_ok());
        assert_eq!(deep(17), Err(FilePathError::Length));
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        for path in [
            "/etc/passwd",
            "../x",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a/.",
            "..",
        ] {
            assert_eq!(
                path.parse::<FilePath>(),
                Err(FilePathError::Outside),
                "{path}"
            );
        }
        for path in ["a\\b", "a\u{0}b", "a\nb"] {
            assert_eq!(
                path.parse::<FilePath>(),
                Err(FilePathError::Characters),
                "{path:?}"
            );
        }
    }

    #[test]
    fn a_file_under_another_file_is_found_whatever_sorts_between() {
        let files = |paths: &[&str]| -> Files {
            let file = |path: &&str| (path.parse().unwrap(), Bytes::new());
            paths.iter().map(file).collect()
        };
        assert_eq!(under_a_file(&files(&["a/b", "a-b", "ab"])), None);
        let files = files(&["a", "a-b", "a/b"]);
        assert_eq!(under_a_file(&files).unwrap().as_str(), "a/b");
    }
}
