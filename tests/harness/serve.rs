//! `agent-factory serve` as a process, and the commands that talk to it.

use crate::factory::MASTER_KEY;
use crate::{built, postgres};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database of its own, and the settings of `serve` on it.
pub struct Deployment {
    folder: tempfile::TempDir,
    url: String,
    settings: Vec<(String, String)>,
    _database: Option<postgres::Database>,
}

impl Deployment {
    /// On SQLite.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("factory.db").display());
        Self {
            folder,
            url,
            settings: Vec::new(),
            _database: None,
        }
    }

    /// On PostgreSQL; none where there is no server.
    pub async fn postgres() -> Option<Self> {
        let database = postgres::Database::empty().await?;
        Some(Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            url: database.url().to_owned(),
            settings: Vec::new(),
            _database: Some(database),
        })
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Start a control plane, and wait until it serves. Any number may run at once on PostgreSQL.
    pub async fn start(&self) -> ControlPlane {
        let mut child = Command::new(built::program())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("RUST_LOG", "agent_factory=info")
            .env("AGENT_FACTORY_DATABASE__URL", &self.url)
            .env("AGENT_FACTORY_MASTER_KEY", MASTER_KEY)
            .envs(self.settings.clone())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let log = BufReader::new(child.stderr.take().expect("a stderr")).lines();
        let log = tokio::spawn(collect(log));
        let mut out = BufReader::new(child.stdout.take().expect("a stdout")).lines();
        let (mut url, mut token) = (None, None);
        let reading = tokio::time::timeout(PATIENCE, read(&mut out, &mut url, &mut token));
        reading.await.expect("it serves");
        let Some(url) = url else {
            panic!("it does not serve; its log:\n{}", log.await.expect("a log"));
        };
        tokio::spawn(async move { while let Ok(Some(_)) = out.next_line().await {} });
        ControlPlane {
            child,
            url,
            token,
            log,
        }
    }
}

async fn collect(mut lines: Lines<BufReader<tokio::process::ChildStderr>>) -> String {
    let mut log = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        log.push_str(&line);
        log.push('\n');
    }
    log
}

async fn read(
    out: &mut Lines<BufReader<ChildStdout>>,
    url: &mut Option<String>,
    token: &mut Option<String>,
) {
    while url.is_none() {
        let Some(line) = out.next_line().await.expect("readable output") else {
            return;
        };
        if let Some(served) = line.strip_prefix("Serving on ") {
            *url = Some(served.to_owned());
        } else if line.trim().starts_with("aft_o_") {
            *token = Some(line.trim().to_owned());
        }
    }
}

/// A control plane that serves.
pub struct ControlPlane {
    child: Child,
    url: String,
    token: Option<String>,
    log: tokio::task::JoinHandle<String>,
}

impl ControlPlane {
    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The operator's token it printed, where it made one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Run another command of the program against it, under this token.
    pub async fn command(&self, token: &str, arguments: &[&str]) -> Output {
        Command::new(built::program())
            .args(arguments)
            .env_clear()
            .env("AGENT_FACTORY_URL", &self.url)
            .env("AGENT_FACTORY_TOKEN", token)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the program runs")
    }

    /// SIGKILL, and wait until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a killed process");
    }

    /// SIGTERM, and wait for its end; answers with its log.
    pub async fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = rustix::process::Pid::from_raw(id.expect("a running process"));
        let pid = pid.expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal sent");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it stops").expect("an exit status");
        (status, self.log.await.expect("a log"))
    }
}
