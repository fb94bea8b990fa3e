//! A wire between a client and a server that can be cut at a chosen byte: what is sent goes through as it is, until then.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A wire that is up; dropped, it takes no more connections.
pub struct Wire {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// Where it leads.
    to: String,
    cuts: Mutex<Vec<Cut>>,
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
            to: url
                .strip_prefix("http://")
                .expect("a plain address")
                .to_owned(),
            cuts: Mutex::default(),
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

    /// Cut the answer to the next request with `text` in its head behind `bytes` bytes; with 0, none of it arrives.
    pub fn cut(&self, text: &str, bytes: usize) {
        self.state.cuts.lock().expect("no panic").push(Cut {
            text: text.to_owned(),
            behind: bytes,
        });
    }

    /// Wait until so many answers have been cut.
    pub async fn await_cuts(&self, count: usize) {
        let mut done = self.state.done.subscribe();
        done.wait_for(|done| *done >= count).await.expect("a wire");
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
        let mut requests = self.state.requests.subscribe();
        let seen = requests.wait_for(|heads| heads.iter().any(|head| head.contains(text)));
        seen.await.expect("a wire");
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn carry(&self, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(&self.to).await else {
            return;
        };
        let (mut sent, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
        let mut left: Option<usize> = None;
        loop {
            tokio::select! {
                read = client.read(&mut sent) => {
                    let Ok(count @ 1..) = read else { return };
                    // Every request of these tests has its head in one piece.
                    let text = String::from_utf8_lossy(&sent[..count]).into_owned();
                    left = self.take_cut(&text).or(left);
                    self.requests.send_modify(|requests| requests.push(text));
                    if server.write_all(&sent[..count]).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut answered) => {
                    let Ok(count @ 1..) = read else { return };
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

    fn take_cut(&self, text: &str) -> Option<usize> {
        let mut cuts = self.cuts.lock().expect("no panic");
        let found = cuts.iter().position(|cut| text.contains(&cut.text))?;
        Some(cuts.remove(found).behind)
    }
}
