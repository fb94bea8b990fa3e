//! `cargo xtask telegram-double`: the Bot API double of the tests as a program.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::Noise;
use crate::setup;
use crate::workspace::Workspace;

/// Becomes `telegram-double`.
///
/// # Errors
/// Returns only when it does not compile or cannot be started.
pub(crate) fn exec(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::build_program(workspace, "telegram-double", Noise::Quiet)?;
    let program = workspace.program("telegram-double");
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("start {}", program.display()))
}
