//! A worker process from its start until it asks for work, and what it holds in memory then.

use crate::line::Figure;
use agent_factory_tests::built;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::wire::Wire;
use anyhow::{Context as _, bail};
use serde_json::json;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A worker that has not asked for work by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// The control plane is on the same machine, behind a wire that shows each request as it passes.
pub(crate) async fn run(starts: u32) -> anyhow::Result<()> {
    let factory = Factory::http().await;
    let plane = factory.remote().context("a control plane that is served")?;
    let program = built::program();
    let (mut until_claim, mut resident) = (Vec::new(), Vec::new());
    for start in 0..=starts {
        eprintln!("bench: boot, start {start} of {starts}");
        let cache = tempfile::tempdir()?;
        let wire = Wire::to(plane.url()).await;
        let begun = Instant::now();
        let worker = Command::new(&program)
            .arg("worker")
            .env_clear()
            .env("AGENT_FACTORY_URL", wire.url())
            .env("AGENT_FACTORY_WORKER_TOKEN", plane.token())
            .env("AGENT_FACTORY_WORKER__CACHE_FOLDER", cache.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start a worker")?;
        let claim = wire.await_head("/v1/worker/claim");
        if tokio::time::timeout(PATIENCE, claim).await.is_err() {
            bail!("the worker did not ask for work in {PATIENCE:?}");
        }
        let millis = begun.elapsed().as_secs_f64() * 1e3;
        let mebibytes = resident_mebibytes(worker.id().context("a worker that runs")?)?;
        // The first start reads the program from disk; the others find it in memory.
        if start > 0 {
            until_claim.push(millis);
            resident.push(mebibytes);
        }
    }
    let params = json!({ "starts": starts, "program": "in the page cache" });
    Figure::new("boot", "first claim", params.clone(), "ms", until_claim).print();
    Figure::new(
        "boot",
        "resident at the first claim",
        params,
        "MiB",
        resident,
    )
    .print();
    Ok(())
}

/// What the process has in memory, shared pages included.
fn resident_mebibytes(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kibibytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("a process that tells its memory")?
        .parse()?;
    Ok(kibibytes / 1024.0)
}
