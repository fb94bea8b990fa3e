//! Cargo as a child process: its output always on stderr, its input never the terminal's.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a build is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noise {
    /// Everything cargo says, and a line for each step.
    Progress,
    /// Nothing when all is fresh; what is compiled when it is not.
    Quiet,
}

/// A cargo command in `directory`, the same cargo that runs this program.
pub(crate) fn command(directory: &std::path::Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    command
}

/// Runs `command` to a good end, or says which command failed.
///
/// # Errors
/// Fails when the command cannot be started or ends with another code than 0.
pub(crate) fn build(mut command: Command, noise: Noise) -> Result<()> {
    let status = match noise {
        Noise::Progress => command
            .status()
            .with_context(|| format!("start `{}`", spelled(&command)))?,
        Noise::Quiet => without_summary(&mut command)?,
    };
    if !status.success() {
        bail!("`{}` failed ({status})", spelled(&command));
    }
    Ok(())
}

/// Whether `cargo <name>` is installed.
pub(crate) fn has_subcommand(directory: &std::path::Path, name: &str) -> bool {
    command(directory)
        .args([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A cargo command as one would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let words = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned());
    std::iter::once("cargo".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Passes on what cargo says but the line that every fresh build ends with. `--quiet` would also
/// hide the minutes of a first build.
fn without_summary(command: &mut Command) -> Result<ExitStatus> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start `{}`", spelled(command)))?;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.context("read what cargo prints")?;
            if !line.trim_start().starts_with("Finished ") {
                eprintln!("{line}");
            }
        }
    }
    child
        .wait()
        .with_context(|| format!("wait for `{}`", spelled(command)))
}
