//! A double of somebody's web server: a real socket that keeps every request byte for byte, and answers with the bytes
//! that a test says, as slowly and as broken as it says.
//!
//! It shares no code with the program under test, and uses no HTTP library: what arrives is seen as it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The first line and the headers, as they came.
    pub head: String,
    /// The body, by its `content-length`.
    pub body: Vec<u8>,
}

impl Received {
    /// The first line, for example `GET /v1 HTTP/1.1`.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The value of a header, where it came once; its name in small letters.
    ///
    /// # Panics
    /// Where it came more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (one, value) = line.split_once(':')?;
            one.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came twice");
        value
    }
}

/// One thing the server does with a connection.
#[derive(Clone, Debug)]
pub enum Step {
    /// Write these bytes, and hand them to the network.
    Write(Vec<u8>),
    /// Write these bytes again and again, until the client has enough.
    Repeat(Vec<u8>),
    /// Do nothing until the client is gone.
    Hang,
}

/// An answer with a length.
#[must_use]
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    vec![Step::Write([head.as_bytes(), body].concat())]
}

/// An answer whose body comes in these chunks.
#[must_use]
pub fn chunked<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Step> {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut steps = vec![Step::Write(head.to_vec())];
    for chunk in chunks {
        steps.push(Step::Write(one_chunk(chunk)));
    }
    steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
    steps
}

/// A chunk of a chunked body.
#[must_use]
pub fn one_chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

type Script = Box<dyn Fn(&Received) -> Vec<Step> + Send + Sync>;

struct Shared {
    script: Script,
    received: Mutex<Vec<Received>>,
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. Dropping it stops it.
pub struct WebDouble {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl WebDouble {
    /// Answers every request as `script` says, on a free port of this machine.
    ///
    /// # Panics
    /// When no port is free, or outside a tokio runtime.
    pub async fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            received: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(stream, Arc::clone(&serving)));
            }
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// Answers with 200, and with the first line it got.
    pub async fn friendly() -> Self {
        Self::start(|request| answer("200 OK", &[], request.line().as_bytes())).await
    }

    /// Where it listens, as `ip:port`.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.received().clone()
    }
}

impl Drop for WebDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Requests of one connection, until either side closes it.
async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    stream.set_nodelay(true).ok();
    let mut pending = Vec::new();
    while let Some(request) = receive(&mut stream, &mut pending).await {
        let steps = (shared.script)(&request);
        shared.received().push(request);
        for step in steps {
            let done = match step {
                Step::Write(bytes) => stream.write_all(&bytes).await,
                Step::Repeat(bytes) => loop {
                    if let Err(gone) = stream.write_all(&bytes).await {
                        break Err(gone);
                    }
                },
                Step::Hang => {
                    let mut rest = [0; 1_024];
                    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                    return;
                }
            };
            if done.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

async fn receive(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, pending).await?;
    };
    let head = String::from_utf8_lossy(&pending[..end]).into_owned();
    let request = Received {
        head,
        body: Vec::new(),
    };
    let length: usize = request
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a number"));
    while pending.len() < end + 4 + length {
        more(stream, pending).await?;
    }
    let body = pending[end + 4..end + 4 + length].to_vec();
    pending.drain(..end + 4 + length);
    Some(Received { body, ..request })
}

async fn more(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16 << 10];
    match stream.read(&mut bytes).await {
        Ok(count @ 1..) => {
            pending.extend_from_slice(&bytes[..count]);
            Some(())
        }
        _ => None,
    }
}
