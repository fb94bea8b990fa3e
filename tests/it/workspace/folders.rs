//! What a skill's folder may be.

use super::fixture::{BOUNDS, MANIFEST, files, folder};
use agent_factory::workspace::{AssetKind, FolderError, SkillFolder, read_skill};

fn read(others: &[(&str, &[u8])]) -> Result<SkillFolder, FolderError> {
    let mut all = vec![("SKILL.md", MANIFEST.as_bytes())];
    all.extend(others);
    SkillFolder::of(&"dice".parse().unwrap(), files(&all), &BOUNDS)
}

#[test]
fn the_component_is_the_one_that_is_named_or_the_usual_one() {
    let folder = folder("dice", &[("scripts/dice.wasm", b"x"), ("other.wasm", b"y")]);
    assert_eq!(
        folder.component.as_ref().unwrap().as_str(),
        "scripts/dice.wasm"
    );
    assert_eq!(&folder.component_bytes().unwrap()[..], b"x");
    let kinds: Vec<_> = folder.files.keys().map(|path| folder.kind(path)).collect();
    assert_eq!(kinds, [AssetKind::Asset, AssetKind::Component]);
}

#[test]
fn a_skill_without_a_component_is_instructions_only() {
    let folder = folder("dice", &[("scripts/throw.py", b"print(6)")]);
    assert_eq!(folder.component, None);
    let path = "scripts/throw.py".parse().unwrap();
    assert_eq!(folder.kind(&path), AssetKind::Script);
}

#[test]
fn a_folder_is_accepted_at_each_bound_and_refused_one_beyond() {
    let three: [(&str, &[u8]); 3] = [("a", b""), ("b", b""), ("c", b"")];
    assert!(read(&three).is_ok());
    let four: [(&str, &[u8]); 4] = [("a", b""), ("b", b""), ("c", b""), ("d", b"")];
    assert!(matches!(read(&four), Err(FolderError::TooMany { max: 4 })));
    assert!(read(&[("assets/a", &[0; 50])]).is_ok());
    let error = read(&[("assets/a", &[0; 51])]).unwrap_err().to_string();
    assert_eq!(
        error,
        "assets/a has 51 bytes, more than 50 (uploads.file_bytes); make it smaller or leave it out"
    );
    assert!(read(&[("scripts/dice.wasm", &[0; 100])]).is_ok());
    let error = read(&[("scripts/dice.wasm", &[0; 101])])
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 100 (limits.component_bytes)"));
    for (bytes, accepted) in [(200, true), (201, false)] {
        let manifest = format!("{MANIFEST}{}", "x".repeat(bytes - MANIFEST.len()));
        let files = files(&[("SKILL.md", manifest.as_bytes())]);
        let read = SkillFolder::of(&"dice".parse().unwrap(), files, &BOUNDS);
        assert_eq!(read.is_ok(), accepted, "{bytes}");
    }
}

#[test]
fn a_folder_that_is_no_skill_is_told_what_is_missing() {
    let name = "dice".parse().unwrap();
    let error = SkillFolder::of(&name, files(&[("README.md", b"")]), &BOUNDS).unwrap_err();
    assert!(matches!(error, FolderError::NoManifest));
    let named = "---\nname: dice\ndescription: x\nmetadata:\n  agentfactory.component: scripts/x.wasm\n---\n";
    let error = SkillFolder::of(&name, files(&[("SKILL.md", named.as_bytes())]), &BOUNDS);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("scripts/x.wasm, which is not there; build the skill first"),
        "{error}"
    );
    let outside = named.replace("scripts/x.wasm", "../x.wasm");
    let error = SkillFolder::of(&name, files(&[("SKILL.md", outside.as_bytes())]), &BOUNDS);
    assert!(matches!(error, Err(FolderError::Path { .. })));
    let error = read(&[("config/capabilities.toml", b"[capabilities]\nsockets = 1\n")]);
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("config/capabilities.toml: ") && error.contains("sockets"),
        "{error}"
    );
    let error = read(&[("a", b""), ("a/b", b"")]).unwrap_err().to_string();
    assert!(error.starts_with("a/b: a part of its path"), "{error}");
    let mut nul = MANIFEST.as_bytes().to_vec();
    nul.push(0);
    let error = SkillFolder::of(&name, files(&[("SKILL.md", &nul)]), &BOUNDS).unwrap_err();
    assert!(matches!(error, FolderError::NotText { .. }));
}

#[test]
fn a_folder_on_disk_is_read_without_links_and_what_tools_leave_behind() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("dice");
    for (path, text) in [
        ("SKILL.md", MANIFEST),
        ("references/rules.md", "Six sides."),
        (".git/config", "x"),
        ("target/debug/dice", "x"),
        ("node_modules/x/index.js", "x"),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", folder.join("passwords")).unwrap();
    let read = read_skill(&folder, &BOUNDS).unwrap();
    let paths: Vec<_> = read.files.keys().map(|path| path.as_str()).collect();
    assert_eq!(paths, ["references/rules.md"]);
}
