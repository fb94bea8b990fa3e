//! What `cargo xtask setup` built, found beside the test's own executable.

use std::path::{Path, PathBuf};

/// `<target>/debug`, where this test is `<target>/debug/deps/it-...`.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let deps = test.parent().expect("a folder");
    let inside_deps = deps.file_name().is_some_and(|name| name == "deps");
    if inside_deps {
        deps.parent().expect("a profile folder").to_owned()
    } else {
        deps.to_owned()
    }
}

fn present(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is not there; run the tests by `cargo xtask test`",
        path.display()
    );
    path
}

/// The program.
pub fn program() -> PathBuf {
    present(profile_folder().join("agent-factory"))
}

/// The folder of all guests' components.
pub fn guests() -> PathBuf {
    let profile = profile_folder();
    profile.parent().expect("a target folder").join("guests")
}

/// The path of a guest's component, for example `offline`.
pub fn guest(package: &str) -> PathBuf {
    present(guests().join(format!("{package}.wasm")))
}

/// The bytes of a guest of another language than Rust; none where the tools to build it were missing, loudly.
///
/// # Panics
/// Where it is missing though `CI` is set.
pub fn language_guest(name: &str) -> Option<Vec<u8>> {
    let path = guests().join(format!("{name}.wasm"));
    if path.exists() {
        return Some(std::fs::read(path).expect("a readable component"));
    }
    let set = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!set, "{name} was not built; `cargo xtask guests` says why");
    eprintln!("SKIPPED: {name} was not built; `cargo xtask guests` says why");
    None
}

/// The bytes of a guest's component.
pub fn guest_bytes(package: &str) -> Vec<u8> {
    std::fs::read(guest(package)).expect("a readable component")
}

/// The demo workspace, its components in place.
pub fn demo_workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tests
        .parent()
        .expect("the repository")
        .join("examples/demo-workspace");
    present(workspace.join("skills/calculator/scripts/calculator.wasm"));
    workspace
}
