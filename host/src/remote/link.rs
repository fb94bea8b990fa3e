//! Requests to whichever control plane answers.

use super::address::Addresses;
use super::answer::{self, Refused};
use super::refusals::Refusals;
use crate::control::ControlError;
use crate::domain::SecretValue;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A link that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No TLS.
    #[error("start the HTTP client")]
    Http(#[from] reqwest::Error),
    /// A token that cannot stand in a header.
    #[error("the worker token has characters that no token has")]
    Token,
}

/// A client of the control planes.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    addresses: Addresses,
    /// The one that answered last.
    current: AtomicUsize,
    token: HeaderValue,
    refusals: Refusals,
    /// How long a request that waits for nothing may take.
    timeout: Duration,
}

/// What makes one try differ from another of the same request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    /// An earlier try may have taken effect.
    pub(super) repeated: bool,
}

impl Link {
    pub(super) fn new(
        addresses: Addresses,
        token: &SecretValue,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, LinkError> {
        // No redirects: the token would go along. No proxy from the environment either, for the same reason.
        let client = Client::builder()
            .connect_timeout(connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
            .map_err(|_| LinkError::Token)?;
        token.set_sensitive(true);
        Ok(Self {
            client,
            addresses,
            current: AtomicUsize::new(0),
            token,
            refusals: Refusals::default(),
            timeout,
        })
    }

    pub(super) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Send `body` to an operation and read its answer.
    pub(super) async fn ask<B, A>(&self, path: &str, body: &B) -> Result<A, ControlError>
    where
        B: Serialize + Sync,
        A: DeserializeOwned,
    {
        self.ask_waiting(path, Duration::ZERO, |_| encoded(body))
            .await
    }

    /// As [`Link::ask`], where the answer may take `wait` longer and the body depends on the try.
    pub(super) async fn ask_waiting<A: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
        body: impl Fn(Try) -> Result<Vec<u8>, ControlError> + Send + Sync,
    ) -> Result<A, ControlError> {
        let timeout = self.timeout.saturating_add(wait);
        let bytes = self.sent(path, timeout, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            ControlError::Unavailable(format!("an answer that cannot be read: {error}"))
        })
    }

    /// Send `body` to an operation that answers nothing.
    pub(super) async fn tell<B: Serialize + Sync>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<(), ControlError> {
        self.sent(path, self.timeout, |_| encoded(body))
            .await
            .map(drop)
    }

    async fn sent(
        &self,
        path: &str,
        timeout: Duration,
        body: impl Fn(Try) -> Result<Vec<u8>, ControlError> + Send + Sync,
    ) -> Result<Vec<u8>, ControlError> {
        let request = |client: &Client, address: String, attempt: Try| {
            let json = HeaderValue::from_static("application/json");
            Ok(client
                .post(address)
                .timeout(timeout)
                .header(reqwest::header::CONTENT_TYPE, json)
                .body(body(attempt)?))
        };
        self.anywhere(path, request, answer::read).await
    }

    /// Ask one control plane after the other, beginning with the one that answered last, until one answers; `read`
    /// makes what is wanted of a success, or says why it could not.
    pub(super) async fn anywhere<T, R>(
        &self,
        path: &str,
        request: impl Fn(&Client, String, Try) -> Result<RequestBuilder, ControlError> + Send + Sync,
        read: impl Fn(Response) -> R + Send + Sync,
    ) -> Result<T, ControlError>
    where
        R: Future<Output = Result<T, String>> + Send,
    {
        let mut missed = String::new();
        for number in 0..self.addresses.count() {
            let at = self.current.load(Ordering::Relaxed);
            let Some(address) = self.addresses.get(at) else {
                break;
            };
            let attempt = Try {
                repeated: number > 0,
            };
            let request = request(&self.client, address.with(path), attempt)?
                .header(AUTHORIZATION, self.token.clone());
            match self.one(request, &read).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(ControlError::Unavailable(reason))) | Err(reason) => {
                    missed = reason;
                    // Unless somebody else has gone on already.
                    self.current
                        .compare_exchange(
                            at,
                            at.wrapping_add(1),
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        )
                        .ok();
                }
                Ok(Err(error)) => return Err(error),
            }
        }
        Err(ControlError::Unavailable(missed))
    }

    /// One try: outside, why there was no whole answer; inside, what the answer means.
    async fn one<T, R>(
        &self,
        request: RequestBuilder,
        read: impl Fn(Response) -> R + Send,
    ) -> Result<Result<T, ControlError>, String>
    where
        R: Future<Output = Result<T, String>> + Send,
    {
        let answer = request
            .send()
            .await
            .map_err(|error| answer::cause(&error))?;
        let status = answer.status();
        if status.is_success() {
            self.refusals.accepted();
            return Ok(Ok(read(answer).await?));
        }
        let body = answer::read(answer).await?;
        Ok(Err(match answer::refused(status, &body) {
            Refused::Token(reason) => {
                self.refusals.refused();
                ControlError::Unavailable(format!("the worker's token is refused: {reason}"))
            }
            Refused::Control(meaning) => meaning.into(),
        }))
    }
}

pub(super) fn encoded<B: Serialize>(body: &B) -> Result<Vec<u8>, ControlError> {
    serde_json::to_vec(body)
        .map_err(|error| ControlError::Refused(format!("it cannot be written as JSON: {error}")))
}
