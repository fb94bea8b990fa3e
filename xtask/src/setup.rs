//! From a fresh clone to something that runs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{self, Noise};
use crate::guests;
use crate::workspace::Workspace;

/// Does all the set-up there is; whatever is there already is left alone.
///
/// # Errors
/// Fails with what to do about it when a tool is missing or something does not compile.
pub(crate) fn run(workspace: &Workspace, noise: Noise) -> Result<()> {
    step(noise, "the WebAssembly target");
    require_target()?;
    step(noise, "the guests");
    guests::build(workspace, noise)?;
    step(noise, "the program");
    build_program(workspace, "agent-factory", noise)?;
    guests::place_in_skill_folders(workspace)?;
    step(noise, "done");
    Ok(())
}

/// Adds the target that guests are compiled for, where it is missing.
///
/// # Errors
/// Fails with what to do about it when the target is missing and rustup is, too.
pub(crate) fn require_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    eprintln!("xtask: rustup target add {}", guests::TARGET);
    let added = Command::new("rustup")
        .args(["target", "add", guests::TARGET])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!(
            "`rustup target add {}` failed ({status}); run it by hand to see why",
            guests::TARGET
        ),
        Err(_) => bail!(
            "this toolchain has no target {} and there is no rustup to add it; install Rust with \
             rustup (https://rustup.rs), or the `rust-std` of that target from where this \
             toolchain came from",
            guests::TARGET
        ),
    }
}

/// Builds one program of the workspace.
///
/// The whole workspace is named, so that features are unified as the tests unify them: nothing
/// is compiled twice.
///
/// # Errors
/// Fails when it does not compile.
pub(crate) fn build_program(workspace: &Workspace, name: &str, noise: Noise) -> Result<()> {
    let mut command = cargo::command(&workspace.root);
    command.args(["build", "--workspace", "--bin", name]);
    cargo::build(command, noise)
}

/// Asks the compiler rather than rustup: toolchains that came another way have targets, too.
fn has_target() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", guests::TARGET])
        .output()
        .context("start rustc; install Rust with rustup (https://rustup.rs)")?;
    ensure!(
        output.status.success(),
        "rustc does not know the target {}; this workspace needs the version in \
         rust-toolchain.toml",
        guests::TARGET
    );
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn step(noise: Noise, what: &str) {
    if noise == Noise::Progress {
        eprintln!("xtask: {what}");
    }
}
