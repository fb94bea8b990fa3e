//! What an upload may be: every archive that is refused, and why.

use super::fixture::{BOUNDS, MANIFEST, files};
use agent_factory::workspace::{Bounds, FilePath, Files, FolderError, pack, unpack};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

/// An archive of entries as they are named, whatever the names.
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        let mut header = Header::new_gnu();
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(archive: Vec<u8>) -> Result<Files, FolderError> {
    unpack(&archive.into(), &BOUNDS)
}

fn regular<'a>(entries: &[(&'a str, &'a [u8])]) -> Vec<(&'a str, EntryType, &'a [u8])> {
    entries
        .iter()
        .map(|(path, bytes)| (*path, EntryType::Regular, *bytes))
        .collect()
}

#[test]
fn what_was_packed_is_unpacked_as_it_was() {
    let long = format!("references/{}.md", "x".repeat(200));
    let files = files(&[
        ("SKILL.md", MANIFEST.as_bytes()),
        ("scripts/dice.wasm", &[7; 600]),
        (&long, b""),
    ]);
    let packed = pack(&files).unwrap();
    assert_eq!(
        packed,
        pack(&files).unwrap(),
        "the same files, the same bytes"
    );
    assert_eq!(read(packed).unwrap(), files);
}

#[test]
fn a_folder_may_be_packed_from_within_or_from_above() {
    for prefix in ["", "./", "dice/", "./dice/"] {
        let paths = ["SKILL.md", "scripts/a.py"].map(|path| format!("{prefix}{path}"));
        let mut entries = vec![("dice/", EntryType::Directory, &b""[..])];
        entries.extend(
            paths
                .iter()
                .map(|path| (path.as_str(), EntryType::Regular, &b"x"[..])),
        );
        let files = read(archive(&entries)).unwrap();
        let paths: Vec<_> = files.keys().map(FilePath::as_str).collect();
        assert_eq!(paths, ["SKILL.md", "scripts/a.py"], "{prefix:?}");
    }
}

#[test]
fn a_path_that_leads_out_of_the_folder_is_refused() {
    for path in ["../SKILL.md", "/SKILL.md", "a/../../b", "a\\b", "a//b"] {
        let entries = regular(&[("SKILL.md", b"x"), (path, b"x")]);
        let error = read(archive(&entries)).unwrap_err();
        assert!(matches!(error, FolderError::Path { .. }), "{path}: {error}");
        assert!(error.to_string().contains("its path must"), "{error}");
    }
}

#[test]
fn a_path_that_is_there_twice_is_refused() {
    let entries = regular(&[("SKILL.md", b"x"), ("./SKILL.md", b"y")]);
    let error = read(archive(&entries)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "SKILL.md: the folder holds two files of this path; keep one"
    );
}

#[test]
fn links_devices_and_the_like_are_refused_by_name() {
    for (kind, what) in [
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::new(b'Z'), "thing of an unknown kind"),
    ] {
        let mut entries = regular(&[("SKILL.md", b"x")]);
        entries.push(("assets/key", kind, b""));
        let error = read(archive(&entries)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("\"assets/key\" is a {what}; ")),
            "{error}"
        );
    }
}

#[test]
fn a_sparse_file_makes_no_bytes() {
    // It would be a terabyte of zeros where it was read as GNU tar means it.
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..4].copy_from_slice(b"bomb");
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(0);
    header.as_gnu_mut().unwrap().set_real_size(1 << 40);
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, &b""[..]).unwrap();
    assert!(read(builder.into_inner().unwrap()).is_err());
}

#[test]
fn a_compressed_archive_is_refused_and_told_so() {
    for magic in [&[0x1f, 0x8b][..], b"BZh", b"PK\x03\x04"] {
        let mut bytes = magic.to_vec();
        bytes.resize(1_024, 0);
        let error = read(bytes).unwrap_err().to_string();
        assert!(
            error.contains("it is compressed; send it as it is"),
            "{error}"
        );
    }
}

#[test]
fn an_archive_that_ends_early_is_refused_wherever_it_ends() {
    let whole = archive(&regular(&[
        ("SKILL.md", MANIFEST.as_bytes()),
        ("a", &[1; 40]),
    ]));
    let content = whole.len() - 1_024;
    for end in (0..content).step_by(100).chain([content]) {
        let error = read(whole[..end].to_vec()).unwrap_err();
        assert!(matches!(error, FolderError::Archive(_)), "{end}: {error}");
    }
    assert!(read(whole).is_ok());
}

#[test]
fn an_archive_is_accepted_at_its_bounds_and_refused_beyond_them() {
    let folders = |count: usize| {
        let mut entries = regular(&[("SKILL.md", b"x")]);
        let names: Vec<String> = (0..count).map(|number| format!("f{number}/")).collect();
        entries.extend(
            names
                .iter()
                .map(|name| (name.as_str(), EntryType::Directory, &b""[..])),
        );
        read(archive(&entries))
    };
    assert!(folders(7).is_ok());
    assert!(matches!(folders(8), Err(FolderError::TooMany { max: 4 })));
    let sized = |size: usize| {
        let mut bytes = archive(&regular(&[("SKILL.md", b"x")]));
        bytes.resize(size, 0);
        read(bytes)
    };
    assert!(sized(20_480).is_ok());
    assert!(matches!(sized(20_481), Err(FolderError::Large { .. })));
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..2_048)) {
        let bounds = Bounds { folder_bytes: 4_096, ..BOUNDS };
        let mut bytes = bytes;
        bytes.extend([0; 1_024]);
        drop(unpack(&bytes.into(), &bounds));
    }

    #[test]
    fn a_changed_archive_gives_only_paths_within_the_folder(at in 0_usize..1_536, byte: u8) {
        let mut bytes = archive(&regular(&[("SKILL.md", b"x"), ("scripts/a", b"y")]));
        bytes[at] = byte;
        if let Ok(files) = read(bytes) {
            for path in files.keys() {
                prop_assert!(!path.as_str().split('/').any(|name| matches!(name, "" | "." | "..")));
            }
        }
    }
}
