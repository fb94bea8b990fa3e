//! An answer as it arrives: bounded, metered, and without secrets.

use super::events::EventParser;
use super::{ModelFailure, usage};
use crate::domain::{
    AgentModel, Digest, HttpUsage, Invocation, LimitExceeded, LimitName, ModelTokens, ModelUsage,
    Receipt,
};
use crate::egress::{Answer, EgressError};
use crate::engine::call::Ended;
use crate::engine::session::Session;
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::time::Instant;

/// One server-sent event, or a whole body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::engine) struct Event {
    /// Its name, where it has one.
    pub(in crate::engine) name: Option<String>,
    /// Its data.
    pub(in crate::engine) data: String,
}

/// One answer. Dropped, it closes the connection; however it ends, its receipt is in the turn.
pub(in crate::engine) struct Exchange {
    answer: Answer,
    body: Body,
    bill: Bill,
}

enum Body {
    /// Server-sent events.
    Events(EventParser),
    /// Anything else, to be given as one event.
    Whole,
    /// All of it was given, or it broke.
    Ended,
}

/// What is told of it is its events.
impl Serialize for Exchange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }
}

impl Exchange {
    pub(super) fn new(answer: Answer, bill: Bill) -> Self {
        let body = if is_event_stream(&answer) {
            let limit = bill.session.limits.model_event_bytes;
            Body::Events(EventParser::new(
                usize::try_from(limit).unwrap_or(usize::MAX),
            ))
        } else {
            Body::Whole
        };
        Self { answer, body, bill }
    }

    /// The next event; none at the end, and after any failure.
    pub(in crate::engine) async fn next(&mut self) -> Result<Option<Event>, ModelFailure> {
        let next = match &self.body {
            Body::Events(_) => self.next_event().await,
            Body::Whole => self.whole_body().await.map(Some),
            Body::Ended => Ok(None),
        };
        match next {
            Ok(Some(mut event)) => {
                // Before redaction: a count is never part of a secret.
                self.bill.note(&event.data);
                let redactor = &self.bill.session.redactor;
                redactor.clean(&mut event.data);
                if let Some(name) = &mut event.name {
                    redactor.clean(name);
                }
                Ok(Some(event))
            }
            Ok(None) => {
                self.body = Body::Ended;
                self.bill.ended = Ended::OK;
                Ok(None)
            }
            Err(failure) => {
                self.body = Body::Ended;
                self.bill.ended = match failure {
                    ModelFailure::OverBudget(limit, _) => Ended::at(limit),
                    _ => Ended::GUEST_ERROR,
                };
                Err(failure)
            }
        }
    }

    async fn next_event(&mut self) -> Result<Option<Event>, ModelFailure> {
        loop {
            let Body::Events(parser) = &mut self.body else {
                return Ok(None);
            };
            let limit = self.bill.limit(LimitName::ModelEventBytes);
            let too_large = |_| {
                let text = format!(
                    "an event of the answer has more than {} bytes (limits.model_event_bytes)",
                    limit.value
                );
                ModelFailure::OverBudget(limit, text)
            };
            if let Some(event) = parser.next().map_err(too_large)? {
                return Ok(Some(event));
            }
            let Some(bytes) = self.answer.chunk().await.map_err(failed)? else {
                return Ok(None);
            };
            self.bill.count(bytes.len())?;
            parser.push(bytes);
        }
    }

    async fn whole_body(&mut self) -> Result<Event, ModelFailure> {
        let mut body = Vec::new();
        while let Some(bytes) = self.answer.chunk().await.map_err(failed)? {
            self.bill.count(bytes.len())?;
            body.extend_from_slice(&bytes);
        }
        self.body = Body::Ended;
        self.bill.ended = Ended::OK;
        Ok(Event {
            name: None,
            data: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

fn is_event_stream(answer: &Answer) -> bool {
    let media_type = answer.headers().get(reqwest::header::CONTENT_TYPE);
    let media_type = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

pub(super) fn failed(error: EgressError) -> ModelFailure {
    match error {
        EgressError::Refused(refused) => ModelFailure::NotConfigured(refused.to_string()),
        EgressError::Unreachable(why) => ModelFailure::Unreachable(why),
        EgressError::Interrupted(why) => ModelFailure::Interrupted(why),
    }
}

/// What an exchange costs; a receipt when it is dropped.
pub(super) struct Bill {
    pub(super) session: Arc<Session>,
    model: AgentModel,
    engine: Digest,
    started: Instant,
    pub(super) usage: ModelUsage,
    /// Until it ends otherwise, the turn ended first.
    pub(super) ended: Ended,
}

impl Bill {
    pub(super) fn new(session: Arc<Session>, model: AgentModel, request_bytes: usize) -> Self {
        Self {
            engine: session.engine,
            session,
            model,
            started: Instant::now(),
            usage: ModelUsage {
                request_bytes: u64::try_from(request_bytes).unwrap_or(u64::MAX),
                ..ModelUsage::default()
            },
            ended: Ended::CANCELLED,
        }
    }

    fn limit(&self, limit: LimitName) -> LimitExceeded {
        let value = self.session.limits.get(limit);
        LimitExceeded { limit, value }
    }

    /// Count bytes of the answer, up to the limit.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), ModelFailure> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.usage.answer_bytes = self.usage.answer_bytes.saturating_add(bytes);
        let limit = self.limit(LimitName::ModelAnswerBytes);
        if self.usage.answer_bytes > limit.value {
            let text = format!(
                "the answer has more than {} bytes (limits.model_answer_bytes)",
                limit.value
            );
            return Err(ModelFailure::OverBudget(limit, text));
        }
        Ok(())
    }

    /// Note what an event says of tokens. What the turn has spent grows at once, so that an exchange that is
    /// never read to its end counts, too.
    fn note(&mut self, data: &str) {
        if let Some(tokens) = usage::reported(&self.model.api, data) {
            let counted = self
                .usage
                .tokens
                .map_or(0, |before: ModelTokens| before.output);
            let more = tokens.output.saturating_sub(counted);
            self.session.changes().models.add_output_tokens(more);
            self.usage.tokens = Some(tokens);
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let duration = self.started.elapsed().as_micros();
        let receipt = Receipt {
            invocation: Invocation::Model {
                api: self.model.api.clone(),
                model: self.model.model.clone(),
            },
            component: self.engine,
            outcome: self.ended.outcome,
            ended_by: self.ended.by,
            limits_met: Vec::new(),
            duration_us: u64::try_from(duration).unwrap_or(u64::MAX),
            cpu_us: 0,
            memory_peak_bytes: 0,
            host_calls: 0,
            log: Vec::new(),
            log_dropped: 0,
            usage: Some(self.usage.clone()),
            http: HttpUsage::default(),
        };
        self.session.changes().receipts.push(receipt);
    }
}
