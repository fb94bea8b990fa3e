//! `cargo xtask lint`: what a change must pass besides the tests.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;
use crate::guests;
use crate::setup;
use crate::workspace::Workspace;

/// The version the configuration in `deny.toml` is written for.
const DENY_VERSION: &str = "0.20.2";

/// Runs every check, also after one has failed, and lists the failures at the end.
///
/// # Errors
/// Fails when a tool cannot be started.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    setup::require_target()?;
    let mut failed = Vec::new();
    for (name, command) in checks(workspace) {
        if !passes(command)? {
            failed.push(name);
        }
    }
    if !dependencies(workspace)? {
        failed.push("dependencies");
    }
    if failed.is_empty() {
        eprintln!("xtask: every check passed");
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("xtask: failed: {}", failed.join(", "));
        Ok(ExitCode::FAILURE)
    }
}

/// The checks cargo itself can do. Clippy comes before the documentation, which then finds the
/// dependencies checked.
fn checks(workspace: &Workspace) -> Vec<(&'static str, Command)> {
    let cargo = |arguments: &[&str]| {
        let mut command = cargo::command(&workspace.root);
        command.args(arguments);
        command
    };
    let format = cargo(&["fmt", "--all", "--check"]);

    let mut clippy = cargo(&["clippy", "--workspace", "--all-targets"]);
    clippy.args(["--", "--deny", "warnings"]);

    // Most of a guest exists only for its own target. In the profile of the guests, so that macros
    // compiled here serve their build, too.
    let mut guest_clippy = cargo(&["clippy", "--profile", "guest", "--target", guests::TARGET]);
    for guest in &workspace.guests {
        guest_clippy.args(["--package", &guest.package]);
    }
    guest_clippy.args(["--package", "agent-factory-sdk", "--", "--deny", "warnings"]);

    let mut documentation = cargo(&["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "--deny=warnings");

    vec![
        ("formatting", format),
        ("clippy", clippy),
        ("clippy of the guests", guest_clippy),
        ("documentation", documentation),
    ]
}

/// Bans, licences and sources; known vulnerabilities where their list can be fetched.
fn dependencies(workspace: &Workspace) -> Result<bool> {
    let deny = |arguments: &[&str]| -> Result<Command> {
        let mut command = cargo::command(&workspace.root);
        command
            .env("PATH", path_with_tools(workspace)?)
            .arg("deny")
            .args(arguments);
        Ok(command)
    };
    let present = deny(&["--version"])?
        .stderr(std::process::Stdio::null())
        .status();
    if !present.is_ok_and(|status| status.success()) {
        let tools = workspace.target.join("tools");
        eprintln!(
            "xtask: cargo-deny is not installed, so dependencies are not checked; get it by\n  \
             cargo install --locked --debug cargo-deny@{DENY_VERSION} --root {}",
            tools.display()
        );
        // On a laptop a reminder is enough; a pipeline without the check would pass for ever.
        return Ok(std::env::var_os("CI").is_none());
    }
    let own = passes(deny(&["check", "bans", "licenses", "sources"])?)?;
    if !passes(deny(&["fetch", "db"])?)? {
        eprintln!(
            "xtask: WARNING: the list of known vulnerabilities cannot be fetched, so the \
             dependencies are NOT checked against it; run this again with a network"
        );
        return Ok(own);
    }
    let advisories = passes(deny(&["check", "advisories"])?)?;
    Ok(own && advisories)
}

/// `PATH` with the folder that `.ci/run` installs tools into.
fn path_with_tools(workspace: &Workspace) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = workspace.target.join("tools/bin");
    std::env::join_paths(std::env::split_paths(&path).chain([tools]))
        .context("add the tools to PATH")
}

fn passes(mut command: Command) -> Result<bool> {
    eprintln!("xtask: {}", cargo::spelled(&command));
    let status = command
        .status()
        .with_context(|| format!("start `{}`", cargo::spelled(&command)))?;
    Ok(status.success())
}
