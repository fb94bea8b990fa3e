//! An address that stays while the control plane behind it is killed and started again.

use crate::installation::Installation;
use crate::process::Process;
use crate::wire::Wire;
use std::time::Duration;
use tokio::sync::Mutex;

/// A control plane, as clients find it.
pub struct Front {
    wire: Wire,
    process: Mutex<Option<Process>>,
}

impl Front {
    /// Start a control plane of `installation` behind a new address.
    pub async fn start(installation: &Installation) -> Self {
        let process = installation.control_plane().await;
        Self {
            wire: Wire::to(process.url()).await,
            process: Mutex::new(Some(process)),
        }
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        self.wire.url()
    }

    /// What is between, to be cut.
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// SIGKILL, and start another in its place.
    pub async fn replace(&self, installation: &Installation) {
        self.kill().await;
        self.restart(installation).await;
    }

    /// SIGKILL; nobody answers from now on.
    pub async fn kill(&self) {
        let process = self.process.lock().await.take();
        process.expect("a control plane").kill().await;
    }

    /// Start another in the place of one that was killed.
    pub async fn restart(&self, installation: &Installation) {
        let process = installation.control_plane().await;
        self.wire.lead_to(process.url());
        *self.process.lock().await = Some(process);
    }

    /// SIGSTOP for this long, then SIGCONT.
    pub async fn freeze(&self, length: Duration) {
        let process = self.process.lock().await;
        let process = process.as_ref().expect("a control plane");
        process.freeze();
        tokio::time::sleep(length).await;
        process.thaw();
    }

    /// What the process that runs now has logged.
    pub async fn log_text(&self) -> String {
        let process = self.process.lock().await;
        process.as_ref().map(Process::log_text).unwrap_or_default()
    }
}
