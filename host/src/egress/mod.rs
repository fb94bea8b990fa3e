//! The one way out: every HTTP request that a guest causes is made here.
//!
//! Guests and tenants choose where requests go, so a request is refused unless it goes to the public
//! Internet by HTTPS, or to an address that the operator listed (`egress.allow_private`). Names are resolved
//! and checked in one step ([`Lookup`]), and the client connects to the addresses that were checked. No
//! redirect is followed and no proxy is used, so there is no second place that a request could go to. Each
//! phase has its time, and an answer is handed out in pieces that whoever reads them counts.
//!
//! Credentials are the caller's business: it adds them after it has checked what the guest sent, and
//! it takes them out of what comes back ([`Redactor`]).

mod address;
mod answer;
mod redact;
mod resolve;

pub use address::is_public;
pub use answer::Answer;
pub use redact::{RedactedStream, Redactor};
pub use resolve::{Lookup, SystemLookup};

use crate::config;
use address::literal;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Url};
use resolve::Resolver;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A request that is ready to go, credentials included.
#[derive(Debug)]
pub struct Outgoing {
    /// What to do.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// All headers but those that belong to the connection.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

/// How long a request may wait, where whoever makes it wants to wait less than the operator lets it. What is none, or
/// longer, is as configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// Until the head of the answer is there.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer.
    pub idle: Option<Duration>,
}

/// Why a request may not be made. No retry helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The host has an address that is not public.
    #[error("{0} is not a public address; the operator can list the host in egress.allow_private")]
    Private(IpAddr),
    /// Without TLS, and not listed.
    #[error("plain http is for addresses in egress.allow_private only; use https")]
    Plain,
    /// Neither http nor https, or a user's name in the URL.
    #[error("the URL must be https, with a host and without a user")]
    Url,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// It may not be made.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nothing came back; says why.
    #[error("{0}")]
    Unreachable(String),
    /// The answer broke off; says how.
    #[error("{0}")]
    Interrupted(String),
}

/// Makes requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Egress {
    config: Arc<config::Egress>,
    lookup: Arc<dyn Lookup>,
    /// Connects to public addresses only.
    public: Client,
    /// For what the operator listed.
    listed: Client,
    /// The same two with a connection for each request alone, made when the first skill asks: setting TLS up takes
    /// time that a worker should not need to start.
    alone: Arc<[OnceLock<Client>; 2]>,
}

impl Egress {
    /// With names looked up by `lookup`.
    ///
    /// # Errors
    /// Where TLS cannot be set up on this machine.
    pub fn new(config: config::Egress, lookup: &Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            public: client(&config, lookup, false).build()?,
            listed: client(&config, lookup, true).build()?,
            alone: Arc::default(),
            lookup: Arc::clone(lookup),
            config: Arc::new(config),
        })
    }

    /// Make a request; answers once the head of the answer is there, whatever its status. Connections are kept for the
    /// next request to the same server.
    ///
    /// # Errors
    /// Where it may not be made, or no answer began in time.
    pub async fn send(&self, request: Outgoing) -> Result<Answer, EgressError> {
        let client = match self.listed(&request.url)? {
            true => &self.listed,
            false => &self.public,
        };
        self.send_by(client, request, Patience::default()).await
    }

    /// [`Egress::send`] on a connection of its own, which is closed after it: what a guest's request leaves on a
    /// connection meets nobody else's, and each request's name is looked up and checked anew.
    ///
    /// # Errors
    /// As [`Egress::send`].
    pub async fn send_alone(
        &self,
        request: Outgoing,
        patience: Patience,
    ) -> Result<Answer, EgressError> {
        let private_too = self.listed(&request.url)?;
        let [public, listed] = &*self.alone;
        let place = if private_too { listed } else { public };
        let client = match place.get() {
            Some(client) => client,
            None => {
                let alone =
                    client(&self.config, &self.lookup, private_too).pool_max_idle_per_host(0);
                let made = alone.build().map_err(|_| {
                    EgressError::Unreachable("TLS cannot be set up on this machine".to_owned())
                })?;
                place.get_or_init(|| made)
            }
        };
        self.send_by(client, request, patience).await
    }

    async fn send_by(
        &self,
        client: &Client,
        request: Outgoing,
        patience: Patience,
    ) -> Result<Answer, EgressError> {
        let sending = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send();
        let within = |wanted: Option<Duration>, most: u64| {
            wanted.map_or(most, |wanted| {
                u64::try_from(wanted.as_millis()).unwrap_or(most).min(most)
            })
        };
        let limit = within(patience.first_byte, self.config.first_byte_ms);
        let idle = within(patience.idle, self.config.idle_ms);
        match tokio::time::timeout(Duration::from_millis(limit), sending).await {
            Ok(Ok(response)) => Ok(Answer::new(response, idle)),
            Ok(Err(error)) => Err(failed_to_send(&error, self.config.connect_ms)),
            Err(_) => Err(EgressError::Unreachable(format!(
                "no answer began within {limit} ms (egress.first_byte_ms)"
            ))),
        }
    }

    /// Whether this URL is in the operator's list.
    fn listed(&self, url: &Url) -> Result<bool, Refused> {
        let userless = url.username().is_empty() && url.password().is_none();
        if !userless || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Url);
        }
        if self.config.allow_private.allows(url) {
            return Ok(true);
        }
        if url.scheme() != "https" {
            return Err(Refused::Plain);
        }
        // An address instead of a name is never resolved, and so never seen by the resolver.
        match literal(url) {
            Some(address) if !is_public(address) => Err(Refused::Private(address)),
            _ => Ok(false),
        }
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Egress")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What all clients have in common; `private_too` is for addresses of the operator's list.
fn client(config: &config::Egress, lookup: &Arc<dyn Lookup>, private_too: bool) -> ClientBuilder {
    let lookup = Arc::clone(lookup);
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_millis(config.connect_ms))
        .dns_resolver(Resolver {
            lookup,
            private_too,
        })
}

/// What went wrong before an answer began, without the URL: who reads it knows where the request went, and
/// a query may hold what others should not read.
fn failed_to_send(error: &reqwest::Error, connect_ms: u64) -> EgressError {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = innermost.source() {
        if let Some(refused) = source.downcast_ref::<Refused>() {
            return refused.clone().into();
        }
        innermost = source;
    }
    EgressError::Unreachable(match error {
        error if error.is_connect() && error.is_timeout() => {
            format!("no connection within {connect_ms} ms (egress.connect_ms)")
        }
        error if error.is_connect() => format!("no connection: {innermost}"),
        _ => format!("the connection broke before an answer began: {innermost}"),
    })
}

#[cfg(test)]
mod tests;
