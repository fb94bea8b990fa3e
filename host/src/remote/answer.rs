//! What an answer means.

use crate::control::ControlError;
use reqwest::StatusCode;
use serde::Deserialize;

/// The most bytes of an answer that is read into memory; artifacts have a bound of their own.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The one shape of errors.
#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token opens nothing here.
    Token(String),
    /// Anything else, as the worker takes it; none of it is a lost connection.
    Control(Meaning),
}

/// As of [`ControlError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    LeaseLost,
    Refused(String),
    Unavailable(String),
}

impl From<Meaning> for ControlError {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            Meaning::LeaseLost => Self::LeaseLost,
            Meaning::Refused(reason) => Self::Refused(reason),
            Meaning::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// What a status other than a success means. What did not come from a control plane, but from something before it,
/// passes.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> Refused {
    let reason = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.error);
    let said = match &reason {
        Ok(reason) => reason.message.clone(),
        Err(_) => format!("status {status}"),
    };
    match (status.as_u16(), reason) {
        (401 | 403, _) => Refused::Token(said),
        (409, Ok(reason)) if reason.code == "lease_lost" => Refused::Control(Meaning::LeaseLost),
        (408 | 425 | 429, _) => Refused::Control(Meaning::Unavailable(said)),
        (400..=499, Ok(_)) => Refused::Control(Meaning::Refused(said)),
        (413 | 414 | 416 | 431, Err(_)) => Refused::Control(Meaning::Refused(said)),
        _ => Refused::Control(Meaning::Unavailable(said)),
    }
}

/// The body, as far as its bound; else what is wrong with it.
pub(super) async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let announced = answer.content_length().unwrap_or(0);
    let too_long = || format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
    if usize::try_from(announced).map_or(true, |bytes| bytes > ANSWER_BYTES_MAX) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| cause(&error))? {
        if bytes.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why a request came to nothing, with what lies beneath it and without the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut said = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: &str) -> Vec<u8> {
        format!(r#"{{"error": {{"code": "{code}", "message": "said so", "more": 1}}}}"#)
            .into_bytes()
    }

    #[test]
    fn an_answer_means_what_the_control_plane_meant() {
        let lost = Refused::Control(Meaning::LeaseLost);
        let never = Refused::Control(Meaning::Refused("said so".to_owned()));
        let later = Refused::Control(Meaning::Unavailable("said so".to_owned()));
        for (status, code, meant) in [
            (StatusCode::CONFLICT, "lease_lost", &lost),
            (StatusCode::CONFLICT, "conflict", &never),
            (StatusCode::BAD_REQUEST, "invalid_request", &never),
            (StatusCode::PAYLOAD_TOO_LARGE, "too_large", &never),
            (StatusCode::TOO_MANY_REQUESTS, "rate_limited", &later),
            (StatusCode::REQUEST_TIMEOUT, "timeout", &later),
            (StatusCode::INTERNAL_SERVER_ERROR, "internal", &later),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", &later),
            (StatusCode::FOUND, "odd", &later),
        ] {
            assert_eq!(refused(status, &body(code)), *meant, "{status} {code}");
        }
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            assert_eq!(
                refused(status, &body("x")),
                Refused::Token("said so".to_owned())
            );
        }
    }

    #[test]
    fn what_a_proxy_says_on_its_own_passes() {
        for status in [
            StatusCode::NOT_FOUND,
            StatusCode::BAD_GATEWAY,
            StatusCode::CONFLICT,
        ] {
            let meant = refused(status, b"<html>try later</html>");
            assert!(
                matches!(meant, Refused::Control(Meaning::Unavailable(_))),
                "{status}"
            );
        }
    }
}
