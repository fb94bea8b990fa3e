//! The released guest contract: what is out does not change.

mod growth;
mod text;

use growth::{Version, broken};
use std::path::{Path, PathBuf};
use text::Item;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All the `.wit` files of a folder as one text, in the order of their names.
fn package(folder: &Path) -> Vec<Item> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no WIT", folder.display());
    let read = |path: &PathBuf| text::items(&std::fs::read_to_string(path).unwrap());
    files.iter().flat_map(read).collect()
}

#[test]
fn a_released_contract_only_grows() {
    let present = package(&repository().join("wit"));
    let releases = std::fs::read_dir(repository().join("tests/released")).unwrap();
    let mut seen = 0;
    for folder in releases.map(|entry| entry.unwrap().path()) {
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let released = package(&folder.join("wit"));
        let broken = broken(Version::parse(&name).unwrap(), &released, &present);
        assert!(
            broken.is_empty(),
            "{name} is out, and wit/ breaks it:\n{}\n(wit/README.md has the rules)",
            broken.join("\n")
        );
        seen += 1;
    }
    assert!(seen > 0, "no release is kept");
}

#[test]
fn every_item_says_since_when_it_is_there() {
    fn visit(items: &[Item], missing: &mut Vec<String>) {
        for item in items {
            if item.gated() && item.since.is_none() {
                missing.push(item.header.clone());
            }
            visit(&item.members, missing);
        }
    }
    let mut missing = Vec::new();
    visit(&package(&repository().join("wit")), &mut missing);
    assert!(missing.is_empty(), "without @since: {missing:?}");
}
