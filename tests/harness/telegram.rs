//! A double of the Telegram Bot API: a real HTTP server that behaves as the documentation of the
//! Bot API says, keeps what was sent to it, and fails on request.
//!
//! It shares no code with the program under test, so that a misreading of the API has to be made
//! twice to go unnoticed.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use agent_factory_tests::telegram::TelegramDouble;
//!
//! let telegram = TelegramDouble::start().await;
//! telegram.add_bot("1000001:a-token-of-this-bot-only");
//! let call = "/bot1000001:a-token-of-this-bot-only/sendMessage?chat_id=42&text=hello";
//! reqwest::get(format!("{}{call}", telegram.url())).await.unwrap();
//! assert_eq!(telegram.await_sent(1).await[0].text, "hello");
//! # });
//! ```

mod answer;
mod call;
mod connection;
mod fault;
mod ledger;
mod methods;
mod server;
#[cfg(test)]
mod tests;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::fault::Fault;
pub use self::ledger::{Request, Sent};
pub use self::token::{Admission, BotToken, MalformedToken};

use self::ledger::Ledger;
use self::server::Shared;

/// How long the `await_` functions wait before they fail the test, unless
/// [`with_patience`](TelegramDouble::with_patience) says otherwise. Far more than a loaded machine
/// needs, so that it only ever ends a test that would wait for ever.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Messages and calls that are kept, each; a double that is full answers 500.
pub const MAX_KEPT: usize = 100_000;

/// A running Bot API. Dropping it stops it.
pub struct TelegramDouble {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<io::Result<()>>,
    patience: Duration,
}

impl TelegramDouble {
    /// Starts on a free port of this machine, knowing no bot.
    ///
    /// # Panics
    /// When no port is free, or outside a tokio runtime.
    pub async fn start() -> Self {
        Self::bind(
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            Admission::Listed,
        )
        .await
        .expect("a free port")
    }

    /// Starts on `address`, accepting the bots that `admission` says.
    ///
    /// # Errors
    /// Fails when the address cannot be listened on.
    pub async fn bind(address: SocketAddr, admission: Admission) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(admission));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            server,
            patience: PATIENCE,
        })
    }

    /// Waits for so long in the `await_` functions.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the API is, without a slash at the end: the counterpart of `https://api.telegram.org`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bot known by its token, `<digits>:<20 or more of A-Za-z0-9_->`, and returns its id.
    /// A bot may have several tokens.
    ///
    /// # Panics
    /// When the token is malformed.
    pub fn add_bot(&self, token: &str) -> i64 {
        let token: BotToken = token.parse().expect("a well-formed token");
        let id = token.bot_id();
        self.shared.ledger().admit(token);
        id
    }

    /// Makes the API answer 401 to a token from now on, as it does when the owner revokes it.
    pub fn revoke(&self, token: &str) {
        self.shared.ledger().revoke(token);
    }

    /// Every message that was accepted, in the order of acceptance.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.ledger().sent.clone()
    }

    /// Every call with a known token and method, in the order of arrival, whatever became of it.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.ledger().requests.clone()
    }

    /// Fails the next `sendMessage` that has no fault yet; called again, the one after it.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.ledger().faults.push_back(fault);
    }

    /// Waits until every fault has met its `sendMessage`: a hanging one hangs, a dropped one is
    /// dropped.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn await_faults_met(&self) {
        self.awaited("every fault to be met", |ledger| {
            ledger.faults.is_empty().then_some(())
        })
        .await;
    }

    /// Holds every `sendMessage` before it takes effect, until [`resume`](Self::resume). One whose
    /// client goes away while it is held has never happened.
    pub fn pause(&self) {
        self.shared.open.send_replace(false);
    }

    /// Lets held messages and all later ones through.
    pub fn resume(&self) {
        self.shared.open.send_replace(true);
    }

    /// Waits until exactly `count` messages are held. After the end of a client, zero says that the
    /// double has noticed: what was held cannot take effect any more.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn await_held(&self, count: usize) {
        let wanted = format!("{count} held messages");
        self.awaited(&wanted, |ledger| (ledger.held == count).then_some(()))
            .await;
    }

    /// Waits until at least `count` messages were accepted, and returns all there are.
    ///
    /// # Panics
    /// When that does not happen in time; the text lists what was sent.
    pub async fn await_sent(&self, count: usize) -> Vec<Sent> {
        let wanted = format!("{count} messages");
        self.awaited(&wanted, |ledger| {
            (ledger.sent.len() >= count).then(|| ledger.sent.clone())
        })
        .await
    }

    /// Waits for the first message that `wanted` accepts, among the past ones, too.
    ///
    /// # Panics
    /// When there is none in time; the text lists what was sent.
    pub async fn await_text(&self, wanted: impl Fn(&Sent) -> bool) -> Sent {
        self.awaited("a matching message", |ledger| {
            ledger.sent.iter().find(|sent| wanted(sent)).cloned()
        })
        .await
    }

    /// Waits, as long as it takes, for messages beyond the first `seen`, and returns those.
    pub async fn sent_after(&self, seen: usize) -> Vec<Sent> {
        self.shared
            .until(|ledger| {
                let new = ledger.sent.get(seen..).unwrap_or_default();
                (!new.is_empty()).then(|| new.to_vec())
            })
            .await
    }

    /// Stops listening, breaks what is held or hanging, and waits for the rest to be answered.
    ///
    /// # Errors
    /// Fails when the server ended badly.
    pub async fn stop(mut self) -> io::Result<()> {
        self.shared.stopping.cancel();
        (&mut self.server).await.map_err(io::Error::other)?
    }

    async fn awaited<T>(&self, wanted: &str, check: impl Fn(&Ledger) -> Option<T>) -> T {
        match tokio::time::timeout(self.patience, self.shared.until(check)).await {
            Ok(found) => found,
            Err(_) => {
                let ledger = self.shared.ledger();
                panic!(
                    "waited {:?} for {wanted}, but there are {} held and {} sent: {:#?}",
                    self.patience,
                    ledger.held,
                    ledger.sent.len(),
                    ledger.sent
                )
            }
        }
    }
}

impl Drop for TelegramDouble {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
    }
}
