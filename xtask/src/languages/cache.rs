//! Components by what they were made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

/// Components of one guest that are kept: a few branches' worth.
const KEPT: usize = 4;

/// Where the component of these inputs is, if it was ever built.
pub(crate) fn path(folder: &Path, name: &str, digest: &str) -> PathBuf {
    folder
        .join("cache")
        .join(name)
        .join(format!("{digest}.wasm"))
}

/// Move a component in, in one step, and the oldest out.
///
/// # Errors
/// Fails when a file cannot be moved or removed.
pub(crate) fn keep(component: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().context("a cached file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    fs::rename(component, to).with_context(|| format!("write {}", to.display()))?;
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        kept.push((entry.metadata()?.modified()?, entry.path()));
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(KEPT);
    for (_, old) in kept.iter().take(surplus).filter(|(_, path)| path != to) {
        fs::remove_file(old).with_context(|| format!("remove {}", old.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{KEPT, keep, path};

    #[test]
    fn the_newest_are_kept() {
        let folder = std::env::temp_dir().join(format!("xtask-cache-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("create");
        let mut last = path(&folder, "one", "none");
        for number in 0..KEPT + 2 {
            let made = folder.join("made.wasm");
            fs::write(&made, number.to_string()).expect("write");
            last = path(&folder, "one", &number.to_string());
            keep(&made, &last).expect("kept");
        }
        let left = fs::read_dir(folder.join("cache/one"))
            .expect("list")
            .count();
        let newest = fs::read_to_string(&last).expect("the newest");
        fs::remove_dir_all(&folder).expect("remove");
        assert_eq!((left, newest), (KEPT, (KEPT + 1).to_string()));
    }
}
