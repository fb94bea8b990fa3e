//! `cargo xtask test`: every test of the workspace, by the best runner there is.

use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::cargo::{self, Noise};
use crate::languages;
use crate::postgres::Postgres;
use crate::setup;
use crate::workspace::Workspace;

/// Sets up, then runs the tests and the documentation's examples. The code is the first bad one of
/// the runners'.
///
/// # Errors
/// Fails when the set-up fails or a runner cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    setup::run(workspace, Noise::Progress)?;
    languages::build(workspace)?;
    let postgres = Postgres::start(workspace)?;
    let options = arguments.iter().any(|argument| argument.starts_with('-'));
    let mut tests = if cargo::has_subcommand(&workspace.root, "nextest") {
        runner(workspace, &["nextest", "run"])
    } else {
        runner(
            workspace,
            &["test", "--no-fail-fast", "--lib", "--bins", "--tests"],
        )
    };
    if !names_packages(arguments) {
        tests.arg("--workspace");
    }
    // Names go behind the dashes, where both runners take any number of them.
    if !options {
        tests.arg("--");
    }
    tests.args(arguments);
    postgres.tell(&mut tests);
    let mut outcome = finish(tests)?;
    if options {
        eprintln!(
            "xtask: the documentation's examples are left out: ARGS hold the runner's options"
        );
    } else {
        let mut examples = runner(
            workspace,
            &["test", "--no-fail-fast", "--workspace", "--doc"],
        );
        examples.arg("--").args(arguments);
        let code = finish(examples)?;
        if outcome == 0 {
            outcome = code;
        }
    }
    postgres.stop()?;
    Ok(ExitCode::from(outcome))
}

/// Cargo with the runner's own output where the caller expects it: on stdout.
fn runner(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = cargo::command(&workspace.root);
    command.args(arguments).stdout(Stdio::inherit());
    command
}

fn names_packages(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        let name = argument.split('=').next();
        matches!(name, Some("-p" | "--package"))
    })
}

fn finish(mut command: Command) -> Result<u8> {
    eprintln!("xtask: {}", cargo::spelled(&command));
    let status = command
        .status()
        .with_context(|| format!("start `{}`", cargo::spelled(&command)))?;
    Ok(code(status))
}

/// The code of a child, as far as a process can pass it on; 1 when a signal ended it.
fn code(status: ExitStatus) -> u8 {
    status
        .code()
        .map_or(1, |code| u8::try_from(code).unwrap_or(1))
}
