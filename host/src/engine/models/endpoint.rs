//! One model of a turn, and a request to it.

use super::exchange::{Bill, Exchange, failed};
use super::{ModelFailure, Status, api};
use crate::domain::{AgentModel, LimitExceeded, LimitName, SecretRef, SecretValue};
use crate::egress::{Answer, Outgoing};
use crate::engine::call::Ended;
use crate::engine::session::Session;
use crate::engine::text::plain;
use reqwest::Method;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use std::sync::Arc;

/// What is kept of the body of a refusal, bytes.
const REFUSAL_BYTES: usize = 8 << 10;
/// Advice on when to try again, in milliseconds, as some vendors give it beside the standard's header.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What a request to a model proves its right with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The server asks for nothing.
    None,
    /// The value of the named secret.
    Value(SecretValue),
    /// There is no active secret of this name.
    Missing(SecretRef),
}

/// One model of a turn.
#[derive(Clone, Debug)]
pub struct TurnModel {
    /// As the agent's profile has it.
    pub model: AgentModel,
    /// What is sent along.
    pub credential: Credential,
}

/// Post `body` to a model of the turn. The guest's part, the body, is checked before the credential is added.
pub(in crate::engine) async fn open(
    session: &Arc<Session>,
    model: &TurnModel,
    body: String,
) -> Result<Exchange, ModelFailure> {
    let outgoing = prepare(session, model, body)?;
    let Some(egress) = session.egress() else {
        return Err(ModelFailure::Other(
            "no request can be made here".to_owned(),
        ));
    };
    session
        .changes()
        .models
        .reserve(&session.limits)
        .map_err(|(limit, text)| over(session, limit, text))?;
    let mut bill = Bill::new(
        Arc::clone(session),
        model.model.clone(),
        outgoing.body.len(),
    );
    match egress.send(outgoing).await {
        Ok(answer) if (200..300).contains(&answer.status()) => {
            bill.usage.status = Some(answer.status());
            Ok(Exchange::new(answer, bill))
        }
        Ok(answer) => {
            bill.ended = Ended::GUEST_ERROR;
            Err(ModelFailure::Status(refusal(answer, &mut bill).await))
        }
        Err(error) => {
            bill.ended = Ended::GUEST_ERROR;
            Err(told(session, model, failed(error)))
        }
    }
}

fn over(session: &Session, limit: LimitName, text: String) -> ModelFailure {
    let value = session.limits.get(limit);
    ModelFailure::OverBudget(LimitExceeded { limit, value }, text)
}

/// Name the server in what went wrong before an answer began.
fn told(session: &Session, model: &TurnModel, failure: ModelFailure) -> ModelFailure {
    let base = &model.model.base_url;
    let name = |why: String| {
        session
            .redactor
            .redact(&format!("{base}: {why}"))
            .into_owned()
    };
    match failure {
        ModelFailure::NotConfigured(why) => ModelFailure::NotConfigured(name(why)),
        ModelFailure::Unreachable(why) => ModelFailure::Unreachable(name(why)),
        other => other,
    }
}

fn prepare(session: &Session, model: &TurnModel, body: String) -> Result<Outgoing, ModelFailure> {
    let limits = &session.limits;
    let TurnModel { model, credential } = model;
    let Some(path) = api::path(&model.api) else {
        let text = format!(
            "this host makes no requests by the api {:?}",
            model.api.as_str()
        );
        return Err(ModelFailure::NotConfigured(text));
    };
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if size > limits.model_request_bytes {
        let text = format!(
            "the request has {size} bytes, more than {} (limits.model_request_bytes)",
            limits.model_request_bytes
        );
        return Err(over(session, LimitName::ModelRequestBytes, text));
    }
    api::check(&body, model, limits.output_tokens).map_err(|bad| match bad {
        api::BadBody::Malformed(text) => ModelFailure::Other(text),
        api::BadBody::TooManyTokens(text) => over(session, LimitName::OutputTokens, text),
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("text/event-stream, application/json"),
    );
    match credential {
        Credential::None => {}
        Credential::Missing(name) => {
            return Err(ModelFailure::NotConfigured(format!(
                "there is no secret {name}, which the model {} needs; import it",
                model.model
            )));
        }
        Credential::Value(value) => {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", value.reveal()));
            let mut bearer = bearer.map_err(|_| {
                let name = model.secret_ref.as_ref().map_or("", |name| name.as_str());
                ModelFailure::NotConfigured(format!(
                    "the secret {name} has a character that no header can carry; import it again"
                ))
            })?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
    }
    Ok(Outgoing {
        method: Method::POST,
        url: model.base_url.join(path),
        headers,
        body: body.into_bytes(),
    })
}

async fn refusal(mut answer: Answer, bill: &mut Bill) -> Status {
    let code = answer.status();
    bill.usage.status = Some(code);
    let retry_after_ms = retry_after(answer.headers());
    let mut body = Vec::new();
    let mut whole = false;
    // A body that breaks off tells as much as it told.
    while body.len() < REFUSAL_BYTES {
        match answer.chunk().await {
            Ok(Some(bytes)) if bill.count(bytes.len()).is_ok() => {
                let room = REFUSAL_BYTES.saturating_sub(body.len());
                whole = bytes.len() <= room;
                body.extend(bytes.iter().take(room));
            }
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let body = String::from_utf8_lossy(&body);
    let redactor = &bill.session.redactor;
    let body = if whole && body.len() < REFUSAL_BYTES {
        redactor.redact(&body).into_owned()
    } else {
        redactor.redact_cut(&body)
    };
    Status {
        code,
        retry_after_ms,
        body: plain(&body, REFUSAL_BYTES),
    }
}

/// The vendor's advice, where it is a number; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    let number = |name: &HeaderName| {
        let value = headers
            .get(name)?
            .to_str()
            .ok()?
            .trim()
            .parse::<f64>()
            .ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    let milliseconds = number(&RETRY_AFTER_MS).or_else(|| Some(number(&RETRY_AFTER)? * 1_000.0))?;
    // A float that is too large becomes the largest number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is not negative"
    )]
    Some(milliseconds.ceil() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_in_seconds_or_milliseconds_is_understood_and_nonsense_is_none() {
        let of = |name: HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            retry_after(&headers)
        };
        assert_eq!(of(RETRY_AFTER, "2"), Some(2_000));
        assert_eq!(of(RETRY_AFTER, "0.5"), Some(500));
        assert_eq!(of(RETRY_AFTER_MS, "1500"), Some(1_500));
        assert_eq!(of(RETRY_AFTER, "99999999999999"), Some(u32::MAX));
        for nonsense in ["-1", "NaN", "inf", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(of(RETRY_AFTER, nonsense), None, "{nonsense}");
        }
    }
}
