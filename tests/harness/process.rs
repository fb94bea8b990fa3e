//! The program as a process of its own: spoken to, killed, frozen and stopped in order.

use crate::built;
use crate::dev::follow;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that runs; killed when it is dropped.
pub struct Process {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    url: String,
    token: Option<String>,
}

impl Process {
    /// Start what `command` says, its log followed.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let log = follow(BufReader::new(child.stderr.take().expect("a stderr")).lines());
        Self {
            child,
            log,
            url: String::new(),
            token: None,
        }
    }

    /// Wait until it says where it serves, and read the token it prints before where it makes one.
    pub(crate) async fn serves(&mut self) {
        let out = self.child.stdout.take().expect("a stdout");
        let mut lines = BufReader::new(out).lines();
        while self.url.is_empty() {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            let line = line.expect("an announcement in time");
            let line = line.expect("readable output");
            let line = line.unwrap_or_else(|| panic!("it ended:\n{}", self.log_text()));
            if let Some(url) = line.strip_prefix("Serving on ") {
                url.clone_into(&mut self.url);
            } else if line.trim().starts_with("aft_o_") {
                self.token = Some(line.trim().to_owned());
            }
        }
        // The pipe stays open, so that it can go on printing.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    }

    /// Where it serves: `http://127.0.0.1:<port>`.
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

    /// What it has logged.
    pub fn log_text(&self) -> String {
        self.log.borrow().join("\n")
    }

    /// Wait for a line in the log that holds `text`.
    pub async fn await_log(&mut self, text: &str) {
        self.await_logs(text, 1).await;
    }

    /// Wait until so many lines of the log hold `text`.
    pub async fn await_logs(&mut self, text: &str, count: usize) {
        let mut log = self.log.clone();
        let found =
            log.wait_for(|lines| lines.iter().filter(|line| line.contains(text)).count() >= count);
        let found = tokio::time::timeout(PATIENCE, found)
            .await
            .map(|found| found.is_ok());
        assert!(
            matches!(found, Ok(true)),
            "no {count} of {text:?} in the log:\n{}",
            self.log_text()
        );
    }

    /// SIGKILL, and wait until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a killed process");
    }

    /// SIGSTOP: it runs no further, and knows nothing of it.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// SIGTERM, and wait for its end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// Wait for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.log_text()));
        // Its last words are read when there are no more.
        while self.log.changed().await.is_ok() {}
        ended.expect("an exit status")
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.expect("a running process");
        let pid = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("a signal sent");
    }
}
