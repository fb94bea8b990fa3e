//! `cargo xtask fuzz`: libFuzzer on what strangers' bytes reach first, for a bounded time.
//!
//! The crate `tests/fuzz` is built with the coverage counters that libFuzzer steers by, which any toolchain can do; the
//! sanitizers, which only a nightly one has, find nothing more in a program without `unsafe` of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{self, Noise};
use crate::workspace::Workspace;

/// Every target, as its file in `tests/fuzz/targets` is called.
pub(crate) const TARGETS: [&str; 5] = ["manifest", "rules", "egress", "redaction", "admission"];

/// What makes the counters: as cargo-fuzz has it, without a sanitizer.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Builds the targets and runs each for `seconds`, also after one has failed.
///
/// # Errors
/// Fails when something does not build.
pub(crate) fn run(workspace: &Workspace, seconds: u32, only: &[String]) -> Result<ExitCode> {
    for name in only {
        ensure!(
            TARGETS.contains(&name.as_str()),
            "there is no target {name:?}; the targets are {}",
            TARGETS.join(", ")
        );
    }
    require_compiler()?;
    let crate_folder = workspace.root.join("tests/fuzz");
    let target = workspace.target.join("fuzz");
    build(&crate_folder, &target)?;
    let mut failed = Vec::new();
    for name in TARGETS {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            eprintln!("xtask: fuzz {name} for {seconds} s");
            if !fuzz(&crate_folder, &target, name, seconds)? {
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("xtask: failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// libFuzzer is C++, and is built with the target.
fn require_compiler() -> Result<()> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| OsString::from("c++"));
    let present = Command::new(&compiler)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if present.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!(
        "libFuzzer is built by a C++ compiler, and there is no {} (Debian: apt-get install g++; or set CXX). The seeds \
         run without it: cargo xtask test fuzzing",
        compiler.display()
    )
}

fn build(crate_folder: &Path, target: &Path) -> Result<()> {
    let mut build = cargo::command(crate_folder);
    build
        .args(["build", "--release", "--bins"])
        .arg("--target-dir")
        .arg(target)
        // With a target named, build scripts and macros are built without counters.
        .args(["--target", &host()?])
        .env("RUSTFLAGS", COVERAGE);
    cargo::build(build, Noise::Progress)
        .context("build the fuzz targets; their seeds run without it: cargo xtask test fuzzing")
}

/// What is found is kept in the target folder, and gone on with the next time. False where something that must hold did not.
fn fuzz(crate_folder: &Path, target: &Path, name: &str, seconds: u32) -> Result<bool> {
    let corpus = target.join("corpus").join(name);
    let crashes = target.join("crashes").join(name);
    for folder in [&corpus, &crashes] {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let program: PathBuf = target.join(host()?).join("release").join(name);
    let status = Command::new(&program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .args([
            "-max_len=16384",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ])
        .arg(&corpus)
        .arg(crate_folder.join("seeds").join(name))
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("start {}", program.display()))?;
    if !status.success() {
        eprintln!(
            "xtask: {name} failed ({status}); the input is in {}, and `{} FILE` runs it again",
            crashes.display(),
            program.display()
        );
    }
    Ok(status.success())
}

/// The triple of this machine.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output()
        .context("start rustc; install Rust with rustup (https://rustup.rs)")?;
    ensure!(output.status.success(), "`rustc --print host-tuple` failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    #[test]
    fn every_target_has_a_program_seeds_and_a_name_here() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
        let mut files: Vec<String> = std::fs::read_dir(folder.join("targets"))
            .expect("a folder")
            .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".rs").map(ToOwned::to_owned))
            .filter(|name| name != "mod")
            .collect();
        files.sort();
        let mut targets = TARGETS.map(ToOwned::to_owned).to_vec();
        targets.sort();
        assert_eq!(files, targets);
        for name in TARGETS {
            assert!(
                folder.join("bin").join(format!("{name}.rs")).is_file(),
                "{name}"
            );
            assert!(folder.join("seeds").join(name).is_dir(), "{name}");
        }
    }
}
