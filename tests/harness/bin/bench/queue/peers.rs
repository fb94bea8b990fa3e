//! The same workload on the queues that users would pick instead, on the same server: see `tests/peers`.

use agent_factory_tests::{built, postgres};
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

const SCRIPTS: [&str; 2] = ["graphile_worker.mjs", "pg_boss.mjs"];

const FILES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "workload.mjs",
    SCRIPTS[0],
    SCRIPTS[1],
];

/// The peers, installed.
pub(super) struct Peers {
    folder: PathBuf,
}

/// A peer's figure.
pub(super) struct Theirs {
    /// Whose, with the size of its batches.
    pub(super) name: String,
    /// Messages of one claim.
    pub(super) batch: u64,
    /// Messages a second.
    pub(super) rate: f64,
}

impl Peers {
    /// Install them into the target folder, exactly as they are pinned; none, with a message, where `node`, `npm` or
    /// PostgreSQL is missing.
    pub(super) async fn install() -> anyhow::Result<Option<Self>> {
        for program in ["node", "npm"] {
            if !runs(program).await {
                eprintln!("bench: SKIPPED: the peers need {program}, which is not there");
                return Ok(None);
            }
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let folder = built::guests().with_file_name("peers");
        std::fs::create_dir_all(&folder)?;
        for file in FILES {
            let copy = std::fs::copy(source.join(file), folder.join(file));
            copy.with_context(|| format!("copy {file}"))?;
        }
        eprintln!("bench: npm ci in {}", folder.display());
        let status = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .await?;
        if !status.success() {
            bail!("npm ci failed in {} ({status})", folder.display());
        }
        Ok(Some(Self { folder }))
    }

    /// Enqueue, claim and complete.
    pub(super) async fn claim_complete(
        &self,
        messages: u32,
        keys: u32,
    ) -> anyhow::Result<Vec<Theirs>> {
        let (messages, keys) = (messages.to_string(), keys.to_string());
        let arguments = [
            "--cases",
            "enqueue,claim_complete",
            "--messages",
            &messages,
            "--keys",
            &keys,
        ];
        let lines = self.run(&arguments).await?;
        let claims = lines.iter().filter(|line| line["case"] == "claim_complete");
        claims
            .map(|line| {
                let peer = line["peer"].as_str().context("a peer's name")?;
                let batch = line["params"]["batch"].as_u64().context("a batch")?;
                Ok(Theirs {
                    name: format!("{peer}, batch {batch}"),
                    batch,
                    rate: line["value"].as_f64().context("a peer's rate")?,
                })
            })
            .collect()
    }

    /// The messages of `cold` conversations behind one of many.
    pub(super) async fn hot_key(&self, cold: u32) -> anyhow::Result<()> {
        let cold = cold.to_string();
        let arguments = ["--cases", "hot_key", "--cold", &cold];
        self.run(&arguments).await.map(drop)
    }

    /// Run each script on an empty database of its own, and hand on the lines it prints.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let mut lines = Vec::new();
        for script in SCRIPTS {
            let Some(database) = postgres::Database::empty().await else {
                eprintln!("bench: SKIPPED: the peers need PostgreSQL, which is not there");
                return Ok(lines);
            };
            eprintln!("bench: queue, {script} {}", arguments.join(" "));
            let mut child = Command::new("node")
                .arg(self.folder.join(script))
                .args(["--database", database.url()])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let out = child.stdout.take().context("a peer's output")?;
            let mut out = BufReader::new(out).lines();
            while let Some(line) = out.next_line().await? {
                println!("{line}");
                lines.push(serde_json::from_str(&line).with_context(|| line.clone())?);
            }
            let status = child.wait().await?;
            if !status.success() {
                bail!("{script} failed ({status})");
            }
        }
        Ok(lines)
    }
}

async fn runs(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.await.is_ok_and(|status| status.success())
}
