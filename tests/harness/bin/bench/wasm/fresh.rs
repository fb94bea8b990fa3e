//! The same job as a fresh process of another runtime, which is what sandboxes without WebAssembly start for each call.

use super::jobs::Job;
use crate::line::Figure;
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Processes that are started for a figure, the first of which warms the page cache up.
const STARTS: u32 = 30;

/// One figure a runtime, with how many times `call` it is.
pub(super) async fn measure(job: &Job, call: &Figure) -> anyhow::Result<()> {
    for (runtime, script) in [("node", "tool_call.mjs"), ("python3", "tool_call.py")] {
        let version = Command::new(runtime).arg("--version").output().await;
        let Ok(version) = version else {
            eprintln!("bench: SKIPPED: there is no {runtime}");
            continue;
        };
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        eprintln!("bench: wasm, {}, {runtime}", job.name);
        let mut samples = Vec::new();
        for start in 0..=STARTS {
            let begun = Instant::now();
            once(runtime, script, job).await?;
            if start > 0 {
                samples.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
        let params = json!({ "job": job.name, "runtime": version, "starts": STARTS });
        let figure = Figure::new("wasm", "fresh process", params, "us", samples);
        let ratio = figure.median() / call.median();
        figure.print_ratio("agent-factory", ratio);
    }
    Ok(())
}

async fn once(runtime: &str, script: &str, job: &Job) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(script);
    let mut process = Command::new(runtime)
        .arg(script)
        .arg(job.name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {runtime}"))?;
    let mut stdin = process.stdin.take().context("a pipe")?;
    stdin.write_all(job.arguments.as_bytes()).await?;
    drop(stdin);
    let output = process.wait_with_output().await?;
    let answer = String::from_utf8_lossy(&output.stdout);
    ensure!(
        answer.contains(job.answer),
        "{runtime} answered {answer:?} to {}",
        job.name
    );
    Ok(())
}
