//! A wire between a client and a server that can be cut at a chosen byte: what is sent goes through as it is, until then.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long any one event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A wire that is up; dropped, it takes no more connections.
pub struct Wire {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// Where new connections lead.
    to: Mutex<String>,
    cuts: Mutex<Vec<Cut>>,
    /// Texts of requests that are to be held, one each.
    holds: Mutex<Vec<String>>,
    held: watch::Sender<usize>,
    released: watch::Sender<bool>,
    /// The first line of each request with the status of its answer.
    answers: watch::Sender<Vec<(String, u16)>>,
    done: watch::Sender<usize>,
    requests: watch::Sender<Vec<String>>,
}

/// The answer to the next request that has `text` in its head is cut behind this many bytes.
struct Cut {
    text: String,
    behind: usize,
}

impl Wire {
    /// To the server at `url`.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            to: Mutex::new(host(url)),
            cuts: Mutex::default(),
            holds: Mutex::default(),
            held: watch::Sender::new(0),
            released: watch::Sender::new(false),
            answers: watch::Sender::default(),
            done: watch::Sender::new(0),
            requests: watch::Sender::default(),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { state.carry(client).await });
            }
        });
        Self {
            url: own,
            state,
            task,
        }
    }

    /// Where it begins.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, new connections lead to the server at `url`.
    pub fn lead_to(&self, url: &str) {
        *self.state.to.lock().expect("no panic") = host(url);
    }

    /// Cut the answer to the next request with `text` in its head behind `bytes` bytes; with 0, none of it arrives.
    pub fn cut(&self, text: &str, bytes: usize) {
        self.state.cuts.lock().expect("no panic").push(Cut {
            text: text.to_owned(),
            behind: bytes,
        });
    }

    /// How many answers have been cut.
    pub fn cuts(&self) -> usize {
        *self.state.done.borrow()
    }

    /// Wait until so many answers have been cut.
    pub async fn await_cuts(&self, count: usize) {
        let mut done = self.state.done.subscribe();
        done.wait_for(|done| *done >= count).await.expect("a wire");
    }

    /// Hold the next request with `text` in its head: the server hears it when it is released.
    pub fn hold(&self, text: &str) {
        self.state
            .holds
            .lock()
            .expect("no panic")
            .push(text.to_owned());
    }

    /// Wait until so many requests are held.
    pub async fn await_held(&self, count: usize) {
        let mut held = self.state.held.subscribe();
        let all = held.wait_for(|held| *held >= count);
        let all_held = tokio::time::timeout(PATIENCE, all).await.is_ok();
        let requests = self.state.requests.borrow();
        let lines = requests.iter().filter_map(|head| head.lines().next());
        assert!(
            all_held,
            "not {count} requests are held of {:#?}",
            lines.collect::<Vec<_>>()
        );
    }

    /// Let go of what is held.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// Wait for an answer of this status to a request whose first line has `text` in it.
    pub async fn await_answer(&self, text: &str, status: u16) {
        let mut answers = self.state.answers.subscribe();
        let wanted = |answers: &Vec<(String, u16)>| {
            answers
                .iter()
                .any(|(head, answer)| head.contains(text) && *answer == status)
        };
        let seen = tokio::time::timeout(PATIENCE, answers.wait_for(wanted))
            .await
            .is_ok();
        assert!(
            seen,
            "no {status} to {text}: {:?}",
            self.state.answers.borrow()
        );
    }

    /// The heads of requests that went through with `text` in them.
    pub fn heads(&self, text: &str) -> Vec<String> {
        let requests = self.state.requests.borrow();
        requests
            .iter()
            .filter(|head| head.contains(text))
            .cloned()
            .collect()
    }

    /// Wait for a request with `text` in its head.
    pub async fn await_head(&self, text: &str) {
        self.await_heads(text, 1).await;
    }

    /// Wait for so many requests with `text` in their heads.
    pub async fn await_heads(&self, text: &str, count: usize) {
        let mut requests = self.state.requests.subscribe();
        let seen = requests
            .wait_for(|heads| heads.iter().filter(|head| head.contains(text)).count() >= count);
        seen.await.expect("a wire");
    }
}

fn host(url: &str) -> String {
    let host = url.strip_prefix("http://").expect("a plain address");
    host.to_owned()
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn carry(&self, mut client: TcpStream) {
        let to = self.to.lock().expect("no panic").clone();
        let Ok(mut server) = TcpStream::connect(&to).await else {
            return;
        };
        let (mut sent, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
        let mut left: Option<usize> = None;
        let mut asked: Option<String> = None;
        loop {
            tokio::select! {
                read = client.read(&mut sent) => {
                    let Ok(count @ 1..) = read else { return };
                    // Every request of these tests has its head in one piece.
                    let text = String::from_utf8_lossy(&sent[..count]).into_owned();
                    left = self.take_cut(&text).or(left);
                    if text.contains(" HTTP/1.1\r\n") {
                        asked = text.lines().next().map(ToOwned::to_owned);
                    }
                    let held = self.take_hold(&text);
                    self.requests.send_modify(|requests| requests.push(text));
                    if held {
                        self.held.send_modify(|held| *held += 1);
                        let mut released = self.released.subscribe();
                        released.wait_for(|released| *released).await.expect("a wire");
                    }
                    if server.write_all(&sent[..count]).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut answered) => {
                    let Ok(count @ 1..) = read else { return };
                    if let Some(head) = asked.take() {
                        let text = String::from_utf8_lossy(&answered[..count]);
                        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
                        let answer = (head, status.unwrap_or(0));
                        self.answers.send_modify(|answers| answers.push(answer));
                    }
                    let passed = left.map_or(count, |left| left.min(count));
                    if client.write_all(&answered[..passed]).await.is_err() {
                        return;
                    }
                    left = left.map(|left| left - passed);
                    if left == Some(0) {
                        drop((client, server));
                        self.done.send_modify(|done| *done += 1);
                        return;
                    }
                }
            }
        }
    }

    fn take_hold(&self, text: &str) -> bool {
        let mut holds = self.holds.lock().expect("no panic");
        let found = holds.iter().position(|hold| text.contains(hold));
        found.map(|found| holds.remove(found)).is_some()
    }

    fn take_cut(&self, text: &str) -> Option<usize> {
        let mut cuts = self.cuts.lock().expect("no panic");
        let found = cuts.iter().position(|cut| text.contains(&cut.text))?;
        Some(cuts.remove(found).behind)
    }
}
