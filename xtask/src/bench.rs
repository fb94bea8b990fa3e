//! `cargo xtask bench`: figures on stdout, from a build with optimizations.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Noise};
use crate::guests;
use crate::languages;
use crate::postgres::Postgres;
use crate::setup;
use crate::workspace::Workspace;

/// Builds what is measured, then runs `bench` with `arguments`.
///
/// # Errors
/// Fails when something does not compile, or when the bench does.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::require_target()?;
    guests::build(workspace, Noise::Progress)?;
    guests::place_in_skill_folders(workspace)?;
    if arguments.first().is_some_and(|name| name == "wasm") {
        languages::build(workspace)?;
    }
    let mut build = cargo::command(&workspace.root);
    build.args(["build", "--workspace", "--release"]);
    build.args(["--bin", "agent-factory", "--bin", "bench"]);
    cargo::build(build, Noise::Progress)?;
    let postgres = Postgres::start(workspace)?;
    let program = workspace.target.join("release/bench");
    let mut bench = Command::new(&program);
    bench.args(arguments).stdin(Stdio::null());
    postgres.tell(&mut bench);
    let status = bench
        .status()
        .with_context(|| format!("start {}", program.display()))?;
    postgres.stop()?;
    if !status.success() {
        bail!("{} failed ({status})", program.display());
    }
    Ok(())
}
