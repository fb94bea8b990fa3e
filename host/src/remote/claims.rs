//! Claims whose answers can get lost.
//!
//! A claim has an id that the worker makes. As long as no answer has come, the worker asks the same claim again, of this
//! control plane or another, and is given what an earlier try has leased; the tokens follow from the id, so nothing but
//! the answer has to be kept. A claim that waits when the worker stops is asked once more, for nothing new, so that what
//! it has just leased is given back and does not wait for its lease to end (`host/decisions/0009`).

use super::link::{Link, Try, encoded};
use crate::clock::Ids;
use crate::control::requests::DeliveriesAnswer;
use crate::control::{ClaimRequest, Claims, ControlError, DeliveryBatch, DeliveryRequest};
use crate::domain::{ClaimId, ClaimTry};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The claims of one kind, one at a time.
pub(super) struct Claiming {
    ids: Ids,
    closing: CancellationToken,
    /// The claim that has had no answer yet.
    open: Mutex<Option<ClaimId>>,
}

impl Claiming {
    pub(super) fn new(ids: Ids, closing: CancellationToken) -> Self {
        Self {
            ids,
            closing,
            open: Mutex::new(None),
        }
    }

    pub(super) async fn turns(
        &self,
        link: &Link,
        request: ClaimRequest,
    ) -> Result<Claims, ControlError> {
        let wait = request.wait;
        let body = |claim: ClaimTry, last: bool| {
            let mut request = request.clone();
            request.claim = Some(claim);
            if last {
                request.max = 0;
                request.wait = Duration::ZERO;
            }
            encoded(&request)
        };
        self.answered(link, "/v1/worker/claim", wait, body).await
    }

    pub(super) async fn deliveries(
        &self,
        link: &Link,
        request: DeliveryRequest,
    ) -> Result<Vec<DeliveryBatch>, ControlError> {
        let wait = request.wait;
        let body = |claim: ClaimTry, last: bool| {
            let mut request = request.clone();
            request.claim = Some(claim);
            if last {
                request.max = 0;
                request.wait = Duration::ZERO;
            }
            encoded(&request)
        };
        let path = "/v1/worker/deliveries/claim";
        let asked = Instant::now();
        let mut answer: DeliveriesAnswer = self.answered(link, path, wait, body).await?;
        // A worker that was stopped in between holds an old answer, and others may have sent what is in it: a delivery,
        // unlike a turn, begins without asking the control plane again.
        let late = asked.elapsed().saturating_sub(answer.waited);
        for batch in &mut answer.batches {
            batch.lease_for = batch.lease_for.saturating_sub(late);
        }
        Ok(answer.batches)
    }

    async fn answered<A: DeserializeOwned>(
        &self,
        link: &Link,
        path: &str,
        wait: Duration,
        body: impl Fn(ClaimTry, bool) -> Result<Vec<u8>, ControlError> + Send + Sync,
    ) -> Result<A, ControlError> {
        let mut open = self.open.lock().await;
        let was_open = open.is_some();
        let id = match open.as_ref() {
            Some(id) => id.clone(),
            None => {
                let random = self.ids.bytes();
                let random =
                    random.map_err(|error| ControlError::Unavailable(error.to_string()))?;
                open.insert(ClaimId::from_random(random)).clone()
            }
        };
        let claim = |attempt: Try, repeated: bool| ClaimTry {
            id: id.clone(),
            repeated: repeated || attempt.repeated,
        };
        let waiting = link.ask_waiting(path, wait, |attempt| body(claim(attempt, was_open), false));
        // A claim that does not wait is answered at once, and a stop lets it.
        let answer = if wait.is_zero() {
            waiting.await
        } else {
            match self.closing.run_until_cancelled(waiting).await {
                Some(answer) => answer,
                None => {
                    let last = |attempt| body(claim(attempt, true), true);
                    link.ask_waiting(path, Duration::ZERO, last).await
                }
            }
        };
        if !matches!(answer, Err(ControlError::Unavailable(_))) {
            *open = None;
        }
        answer
    }
}
