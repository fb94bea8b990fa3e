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

/// A program of the tests' own, for example `control-plane`.
pub fn beside(name: &str) -> PathBuf {
    present(profile_folder().join(name))
}

/// The path of a guest's component, for example `offline`.
pub fn guest(package: &str) -> PathBuf {
    let target = profile_folder()
        .parent()
        .expect("a target folder")
        .to_owned();
    present(target.join("guests").join(format!("{package}.wasm")))
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
