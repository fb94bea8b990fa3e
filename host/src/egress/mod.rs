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
pub use redact::Redactor;
pub use resolve::{Lookup, SystemLookup};

use crate::config;
use address::literal;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use resolve::Resolver;
use std::net::IpAddr;
use std::sync::Arc;
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
    /// Connects to public addresses only.
    public: Client,
    /// For what the operator listed.
    listed: Client,
}

impl Egress {
    /// With names looked up by `lookup`.
    ///
    /// # Errors
    /// Where TLS cannot be set up on this machine.
    pub fn new(config: config::Egress, lookup: &Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let client = |private_too| {
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
                .build()
        };
        Ok(Self {
            public: client(false)?,
            listed: client(true)?,
            config: Arc::new(config),
        })
    }

    /// Make a request; answers once the head of the answer is there, whatever its status.
    ///
    /// # Errors
    /// Where it may not be made, or no answer began in time.
    pub async fn send(&self, request: Outgoing) -> Result<Answer, EgressError> {
        let client = self.client_for(&request.url)?;
        let sending = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send();
        let limit = self.config.first_byte_ms;
        match tokio::time::timeout(Duration::from_millis(limit), sending).await {
            Ok(Ok(response)) => Ok(Answer::new(response, self.config.idle_ms)),
            Ok(Err(error)) => Err(failed_to_send(&error, self.config.connect_ms)),
            Err(_) => Err(EgressError::Unreachable(format!(
                "no answer began within {limit} ms (egress.first_byte_ms)"
            ))),
        }
    }

    /// The client that may go to this URL.
    fn client_for(&self, url: &Url) -> Result<&Client, Refused> {
        let userless = url.username().is_empty() && url.password().is_none();
        if !userless || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Url);
        }
        if self.config.allow_private.allows(url) {
            return Ok(&self.listed);
        }
        if url.scheme() != "https" {
            return Err(Refused::Plain);
        }
        // An address instead of a name is never resolved, and so never seen by the resolver.
        match literal(url) {
            Some(address) if !is_public(address) => Err(Refused::Private(address)),
            _ => Ok(&self.public),
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
