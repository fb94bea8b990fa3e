//! Everything that a guest is made of, and its digest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// What of an example's folder shapes its component, beside the contract. The rest may change freely.
const PARTS: [&str; 6] = [
    "build.sh",
    "package-lock.json",
    "package.json",
    "requirements.txt",
    "src",
    "test",
];
/// Raise it when this program builds the same sources in another way.
const RECIPE: u32 = 1;

/// Files of a guest and of the contract, by their path from the root of the workspace.
pub(crate) struct Inputs {
    example: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
    digest: String,
}

impl Inputs {
    /// # Errors
    /// Fails when a file cannot be read.
    pub(crate) fn read(root: &Path, name: &str) -> Result<Self> {
        let example = Path::new("examples").join(name);
        let mut files = Vec::new();
        for part in PARTS.iter().map(|part| example.join(part)) {
            collect(root, &part, &mut files)?;
        }
        collect(root, Path::new("wit"), &mut files)?;
        files.sort();
        let digest = digest(&files);
        Ok(Self {
            example,
            files,
            digest,
        })
    }

    /// Hex, short enough for a file's name.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// A file of the example's own folder.
    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        let path = self.example.join(name);
        let found = self.files.iter().find(|(at, _)| *at == path);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// Write all of it below `folder`, with the permissions that scripts need.
    ///
    /// # Errors
    /// Fails when a file cannot be written.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<()> {
        for (path, bytes) in &self.files {
            let to = folder.join(path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)
                    .with_context(|| format!("create {}", parent.display()))?;
            }
            fs::write(&to, bytes).with_context(|| format!("write {}", to.display()))?;
        }
        Ok(())
    }
}

/// A file, or every file below a folder; nothing where there is none.
fn collect(root: &Path, path: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    let at = root.join(path);
    let read = || format!("read {}", at.display());
    if at.is_file() {
        files.push((path.to_owned(), fs::read(&at).with_context(read)?));
    } else if at.is_dir() && !path.ends_with("__pycache__") {
        for entry in fs::read_dir(&at).with_context(read)? {
            collect(root, &path.join(entry?.file_name()), files)?;
        }
    }
    Ok(())
}

fn digest(files: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    hash.update(RECIPE.to_be_bytes());
    for (path, bytes) in files {
        // Lengths first: no two lists of files run together into the same bytes.
        for part in [path.as_os_str().as_encoded_bytes(), bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    hash.finalize().iter().take(12).map(hex).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Inputs, digest};

    #[test]
    fn sources_and_contract_count_and_what_is_written_about_them_does_not() {
        let root = std::env::temp_dir().join(format!("xtask-inputs-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("create");
            fs::write(path, text).expect("write");
        };
        let digest = || {
            let inputs = Inputs::read(&root, "one").expect("readable");
            inputs.digest().to_owned()
        };
        write("wit/types.wit", "package a:b;");
        write("examples/one/src/app.py", "1");
        let first = digest();
        write("examples/one/README.md", "words");
        write("examples/one/src/__pycache__/app.pyc", "bytes");
        let words = digest();
        write("wit/types.wit", "package a:c;");
        let contract = digest();
        write("examples/one/src/app.py", "2");
        let source = digest();
        fs::remove_dir_all(&root).expect("remove");
        assert_eq!(first, words);
        assert_ne!(words, contract);
        assert_ne!(contract, source);
    }

    #[test]
    fn what_moves_between_files_is_seen() {
        let file = |path: &str, bytes: &[u8]| (PathBuf::from(path), bytes.to_vec());
        let one = digest(&[file("a", b"bc"), file("d", b"")]);
        let other = digest(&[file("a", b"b"), file("cd", b"")]);
        assert_ne!(one, other);
        assert!(Path::new(&one).file_name().is_some(), "fit for a name");
    }
}
