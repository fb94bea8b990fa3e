//! `cargo xtask telegram-double` and `model-double`: doubles of the tests as programs.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::Noise;
use crate::setup;
use crate::workspace::Workspace;

/// Becomes the double of this name.
///
/// # Errors
/// Returns only when it does not compile or cannot be started.
pub(crate) fn exec(workspace: &Workspace, name: &str, arguments: &[String]) -> Result<()> {
    setup::build_program(workspace, name, Noise::Quiet)?;
    let program = workspace.program(name);
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("start {}", program.display()))
}
