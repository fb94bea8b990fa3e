//! Where requests may go, with names that lead wherever a test likes.

use super::*;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Mutex;

/// Answers with one list of addresses after the other, the last one for ever.
struct Script(Mutex<Vec<Vec<IpAddr>>>, Mutex<u32>);

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(
            Mutex::new(answers.iter().map(parse).collect()),
            Mutex::new(0),
        ))
    }
}

impl Lookup for Script {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        *self.1.lock().unwrap() += 1;
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers.first().cloned().unwrap_or_default()
        };
        Box::pin(async move { Ok(answer) })
    }
}

fn egress(allow: &str, lookup: Arc<impl Lookup>) -> Egress {
    let lookup: Arc<dyn Lookup> = lookup;
    let config = config::Egress {
        allow_private: serde_json::from_value(allow.into()).unwrap(),
        connect_ms: 300,
        ..config::Egress::default()
    };
    Egress::new(config, &lookup).unwrap()
}

async fn get(egress: &Egress, url: &str) -> Result<u16, EgressError> {
    let request = Outgoing {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Vec::new(),
    };
    egress.send(request).await.map(|answer| answer.status())
}

fn refusal(outcome: Result<u16, EgressError>) -> Refused {
    match outcome {
        Err(EgressError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_address_is_refused_however_it_is_written() {
    let egress = egress("", Script::new(&[&["1.1.1.1"]]));
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.1.2.3",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
    ] {
        let refused = refusal(get(&egress, &format!("https://{host}/v1")).await);
        assert!(
            matches!(refused, Refused::Private(_)),
            "{host}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused() {
    for answer in [
        &["127.0.0.1"][..],
        &["1.1.1.1", "10.0.0.1"],
        &["::ffff:192.168.1.1"],
    ] {
        let egress = egress("", Script::new(&[answer]));
        let refused = refusal(get(&egress, "https://innocent.example/v1").await);
        assert!(
            matches!(refused, Refused::Private(_)),
            "{answer:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to() {
    // The first answer is public (a network for benchmarks of IPv6 would do, too, but this one drops packets),
    // and any later one is private: a second look would connect to it.
    let script = Script::new(&[&["192.0.9.1"], &["127.0.0.1"]]);
    let egress = egress("", Arc::clone(&script));
    let first = get(&egress, "https://rebinding.example/v1").await;
    assert!(
        matches!(first, Err(EgressError::Unreachable(_))),
        "{first:?}"
    );
    assert_eq!(*script.1.lock().unwrap(), 1);
    let second = refusal(get(&egress, "https://rebinding.example/v1").await);
    assert_eq!(second, Refused::Private("127.0.0.1".parse().unwrap()));
}

#[tokio::test]
async fn plain_http_users_and_other_schemes_are_refused() {
    let egress = egress("", Script::new(&[&["1.1.1.1"]]));
    assert_eq!(
        refusal(get(&egress, "http://example.com/").await),
        Refused::Plain
    );
    assert_eq!(
        refusal(get(&egress, "https://me@example.com/").await),
        Refused::Url
    );
    assert_eq!(
        refusal(get(&egress, "https://:key@example.com/").await),
        Refused::Url
    );
    assert_eq!(
        refusal(get(&egress, "ftp://example.com/").await),
        Refused::Url
    );
}

/// A server that answers every request with this, and its address.
async fn serve(answer: &'static str) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            // Whatever arrives first is enough to answer to.
            if stream.read(&mut request).await.is_err() {
                continue;
            }
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_listed_address_is_reached_by_its_exact_name_and_port_only() {
    let (address, _serving) = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = address.port();
    let script = Script::new(&[&["127.0.0.1"]]);
    let by_name = egress(&format!("models.internal:{port}"), Arc::clone(&script));
    assert_eq!(
        get(&by_name, &format!("http://models.internal:{port}/")).await,
        Ok(200)
    );
    let other_name = get(&by_name, &format!("https://other.internal:{port}/")).await;
    assert!(matches!(refusal(other_name), Refused::Private(_)));
    let by_address = get(&by_name, &format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(refusal(by_address), Refused::Private(_)));
    let by_address = egress(&format!("127.0.0.1:{port}"), script);
    assert_eq!(
        get(&by_address, &format!("http://127.0.0.1:{port}/")).await,
        Ok(200)
    );
    let other_port = get(&by_address, &format!("https://127.0.0.1:{}/", port ^ 1)).await;
    assert!(matches!(refusal(other_port), Refused::Private(_)));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let answer = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
    let (address, _serving) = serve(answer).await;
    let egress = egress(&address.to_string(), Arc::new(SystemLookup));
    assert_eq!(get(&egress, &format!("http://{address}/")).await, Ok(307));
}
