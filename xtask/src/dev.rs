//! `cargo xtask dev`: set-up, then the program in place of this one.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::Noise;
use crate::guests;
use crate::setup;
use crate::workspace::Workspace;

/// The engine of the demo agent: one for a model where the environment names a model server.
fn engine() -> &'static str {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("OPENAI_API_KEY") || set("OPENAI_BASE_URL") {
        "openai-chat.wasm"
    } else {
        "offline.wasm"
    }
}

/// Becomes `agent-factory dev`, so that signals, terminal and exit code are the program's own.
///
/// # Errors
/// Returns only when the set-up failed or the program cannot be started.
pub(crate) fn exec(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::run(workspace, Noise::Quiet)?;
    let program = workspace.program("agent-factory");
    let error = Command::new(&program)
        .current_dir(&workspace.root)
        .arg("dev")
        .arg("--workspace")
        .arg(guests::demo(workspace))
        .arg("--engine")
        .arg(workspace.target.join("guests").join(engine()))
        .args(arguments)
        .exec();
    Err(error).with_context(|| format!("start {}", program.display()))
}
