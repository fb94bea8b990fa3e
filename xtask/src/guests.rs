//! Building guests and putting the components where the program, the tests and the demo look.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::{self, Noise};
use crate::workspace::{Role, Workspace};

/// The target that guests are compiled for: a component, no adapter needed.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Builds every guest and publishes it in `<target folder>/guests`.
///
/// # Errors
/// Fails when a guest does not compile or a file cannot be written.
pub(crate) fn build(workspace: &Workspace, noise: Noise) -> Result<()> {
    let mut command = cargo::command(&workspace.root);
    command.args(["build", "--lib", "--target", TARGET, "--profile", "guest"]);
    for guest in &workspace.guests {
        command.args(["--package", &guest.package]);
    }
    cargo::build(command, noise)?;
    for guest in &workspace.guests {
        let to = guest.published(workspace);
        copy_if_different(&guest.built(workspace), &to)?;
        if noise == Noise::Progress {
            eprintln!("xtask: {}", to.display());
        }
    }
    Ok(())
}

/// Puts the component of each skill into its skill folder: in the demo workspace, or beside its own source.
///
/// # Errors
/// Fails when a file cannot be written.
pub(crate) fn place_in_skill_folders(workspace: &Workspace) -> Result<()> {
    for guest in workspace
        .guests
        .iter()
        .filter(|guest| guest.role == Role::Skill)
    {
        let package = &guest.package;
        let folders = [
            demo(workspace).join("skills").join(package),
            workspace.root.join("examples").join(package),
        ];
        for folder in folders
            .iter()
            .filter(|folder| folder.join("SKILL.md").is_file())
        {
            let to = folder.join("scripts").join(format!("{package}.wasm"));
            copy_if_different(&guest.published(workspace), &to)?;
        }
    }
    Ok(())
}

/// The workspace that `cargo xtask dev` starts with.
pub(crate) fn demo(workspace: &Workspace) -> std::path::PathBuf {
    workspace.root.join("examples/demo-workspace")
}

/// Leaves a file with the same bytes untouched, so that what watches or caches it stays calm, and
/// replaces another in one step, so that a running program never reads half a component.
///
/// # Errors
/// Fails when a file cannot be read or written.
pub(crate) fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    match fs::read(to) {
        Ok(present) if present == bytes => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("read {}", to.display())),
    }
    let folder = to
        .parent()
        .with_context(|| format!("{} has no folder", to.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let partial = to.with_extension(format!("wasm.{}", std::process::id()));
    fs::write(&partial, &bytes).with_context(|| format!("write {}", partial.display()))?;
    fs::rename(&partial, to).with_context(|| format!("write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::copy_if_different;

    #[test]
    fn a_file_with_the_same_bytes_is_left_alone_and_another_is_replaced() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        let (from, to) = (folder.join("from.wasm"), folder.join("new/to.wasm"));
        let copied = |bytes: &[u8]| {
            fs::write(&from, bytes).expect("write");
            copy_if_different(&from, &to).expect("copy");
            assert_eq!(fs::read(&to).expect("read"), bytes);
            fs::metadata(&to).expect("metadata").ino()
        };

        let first = copied(b"one");
        let same = copied(b"one");
        let other = copied(b"two");

        let files = fs::read_dir(folder.join("new")).expect("list").count();
        fs::remove_dir_all(&folder).expect("remove");
        assert_eq!(first, same);
        assert_ne!(same, other);
        assert_eq!(files, 1, "no partial file stays behind");
    }
}
