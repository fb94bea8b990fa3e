//! The real program as a process: started, spoken to, killed and started again on the same state.

use crate::{built, leases};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A state folder and the settings of `dev` on it.
pub struct Site {
    folder: tempfile::TempDir,
    engine: PathBuf,
    workspace: PathBuf,
    telegram: String,
    settings: Vec<(String, String)>,
}

impl Site {
    /// A site without any state, its replies going to the Bot API at `telegram`.
    pub fn new(telegram: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            engine: built::guest("offline"),
            workspace: built::demo_workspace(),
            telegram: telegram.to_owned(),
            settings: Vec::new(),
        }
    }

    /// With another engine adapter.
    #[must_use]
    pub fn engine(mut self, engine: PathBuf) -> Self {
        self.engine = engine;
        self
    }

    /// With another workspace.
    #[must_use]
    pub fn workspace(mut self, workspace: PathBuf) -> Self {
        self.workspace = workspace;
        self
    }

    /// With a setting over those of every site: `("limits.engine_slots", "1")`.
    #[must_use]
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        let variable = agent_factory::config::variable_of(key);
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// With a variable of the environment, over an earlier one of its name.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("agent-factory.db")
    }

    /// The state's folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Let every lease that is held be over, as after a minute in which nobody was heard of.
    pub async fn end_leases(&self) {
        let url = format!("sqlite://{}", self.database().display());
        leases::end_leases(&url).await;
    }

    /// `agent-factory dev` on this site. Backoffs are as short as they can be: a test waits them out. Leases are not: a busy
    /// machine would outlive them, and [`Site::end_leases`] ends them.
    pub fn command(&self) -> Command {
        let mut command = Command::new(built::program());
        command
            .arg("dev")
            .args([PathBuf::from("--state"), self.state()])
            .args([PathBuf::from("--engine"), self.engine.clone()])
            .args([PathBuf::from("--workspace"), self.workspace.clone()])
            .args(["--listen", "127.0.0.1:0", "--telegram-api", &self.telegram])
            .env_clear()
            .env("RUST_LOG", "agent_factory=info")
            .env("AGENT_FACTORY_LEASE__LEASE_MS", "60000")
            .env("AGENT_FACTORY_OUTBOX__LEASE_MS", "60000")
            .env("AGENT_FACTORY_TELEGRAM__SEND_TIMEOUT_MS", "1000")
            .env("AGENT_FACTORY_RETRY__BASE_DELAY_MS", "100")
            .env("AGENT_FACTORY_SERVER__SHUTDOWN_GRACE_MS", "0")
            .envs(self.settings.clone())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Start it, and wait until it serves.
    pub async fn start(&self) -> Running {
        let mut child = self.command().spawn().expect("the program starts");
        let log = follow(BufReader::new(child.stderr.take().expect("a stderr")).lines());
        let out = BufReader::new(child.stdout.take().expect("a stdout")).lines();
        let mut running = Running {
            child,
            log,
            announced: Vec::new(),
            webhook: String::new(),
            secret: String::new(),
            client: reqwest::Client::new(),
        };
        running.read_announcement(out).await;
        running
    }
}

/// Collect what the process logs, line by line.
pub(crate) fn follow<R: AsyncBufRead + Unpin + Send + 'static>(
    mut lines: Lines<R>,
) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|log: &mut Vec<String>| log.push(line));
        }
    });
    receiver
}

/// A process that serves.
pub struct Running {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    announced: Vec<String>,
    webhook: String,
    secret: String,
    client: reqwest::Client,
}

impl Running {
    async fn read_announcement(&mut self, mut out: Lines<BufReader<ChildStdout>>) {
        let read = async {
            while self.webhook.is_empty() || self.secret.is_empty() {
                let line = out.next_line().await.expect("readable output");
                let line =
                    line.unwrap_or_else(|| panic!("it ended; its log:\n{}", self.log_text()));
                if let Some(url) = line.trim().strip_prefix("webhook ") {
                    self.webhook = url.trim().to_owned();
                }
                if let Some((_, rest)) = line.split_once("Secret-Token: ") {
                    self.secret = rest.split('\'').next().expect("a token").to_owned();
                }
                self.announced.push(line);
            }
        };
        let announced = tokio::time::timeout(PATIENCE, read).await;
        if announced.is_err() {
            panic!("it does not serve; its log:\n{}", self.log_text());
        }
        // Nobody reads on: the pipe stays open, so that it can go on printing.
        tokio::spawn(async move { while let Ok(Some(_)) = out.next_line().await {} });
    }

    fn log_text(&self) -> String {
        self.log.borrow().join("\n")
    }

    /// Wait for a line in the log that holds `text`.
    pub async fn await_log(&mut self, text: &str) {
        let mut log = self.log.clone();
        let found = log.wait_for(|lines| lines.iter().any(|line| line.contains(text)));
        let found = tokio::time::timeout(PATIENCE, found)
            .await
            .map(|found| found.is_ok());
        assert!(
            matches!(found, Ok(true)),
            "no {text:?} in the log:\n{}",
            self.log_text()
        );
    }

    /// What it printed at its start.
    pub fn announcement(&self) -> String {
        self.announced.join("\n")
    }

    /// What its webhook's requests carry.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Post a private text message, as Telegram does; answers the status and the body.
    pub async fn update(
        &self,
        update_id: i64,
        chat_id: i64,
        text: &str,
    ) -> (u16, serde_json::Value) {
        self.post(Some(&self.secret), &private_text(update_id, chat_id, text))
            .await
    }

    /// Post anything under any secret token.
    pub async fn post(
        &self,
        secret: Option<&str>,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let mut request = self.client.post(&self.webhook).json(body);
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// SIGKILL, and wait until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a killed process");
    }

    /// SIGTERM, and wait for its end.
    pub async fn terminate(mut self) -> ExitStatus {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .expect("a running process");
        let pid = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal sent");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not stop:\n{}", self.log_text()));
        ended.expect("an exit status")
    }
}

/// An update as the Bot API sends it.
pub fn private_text(update_id: i64, chat_id: i64, text: &str) -> serde_json::Value {
    serde_json::json!({
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": 1_795_000_000,
            "from": { "id": chat_id, "is_bot": false, "first_name": "Mia" },
            "chat": { "id": chat_id, "type": "private", "first_name": "Mia" },
            "text": text,
        },
    })
}
