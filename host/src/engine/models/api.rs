//! What the host knows of a wire format: where requests go, and which parts of one it checks.

use crate::domain::{AgentModel, ModelApi};
use serde::Deserialize;

/// The path below the base URL; none for a wire format this host does not know.
pub(super) fn path(api: &ModelApi) -> Option<&'static str> {
    match api.as_str() {
        "openai-chat" => Some("chat/completions"),
        _ => None,
    }
}

/// What the host reads of a request's body, and passes on as it is.
#[derive(Debug, Deserialize)]
struct Posted {
    model: Option<String>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
}

/// Check a body that the engine wrote: an object, for this endpoint's model, that asks for no more tokens than
/// allowed. A field that is written twice is refused, since the vendor might read the other one. Says what is wrong.
pub(super) fn check(body: &str, model: &AgentModel, output_tokens: u32) -> Result<(), BadBody> {
    // An array would be read as the fields in their order.
    if !body.trim_start().starts_with('{') {
        return Err(BadBody::Malformed(
            "the body of a request is no JSON object".to_owned(),
        ));
    }
    let posted: Posted = serde_json::from_str(body).map_err(|error| {
        BadBody::Malformed(format!("the body of a request cannot be read: {error}"))
    })?;
    if posted.model.as_deref() != Some(model.model.as_str()) {
        let text = format!(
            "the body asks for another model than the endpoint's, {}",
            model.model
        );
        return Err(BadBody::Malformed(text));
    }
    let asked = posted.max_tokens.max(posted.max_completion_tokens);
    match asked {
        Some(asked) if asked > u64::from(output_tokens) => Err(BadBody::TooManyTokens(format!(
            "the body asks for {asked} tokens, more than {output_tokens} (limits.output_tokens)"
        ))),
        _ => Ok(()),
    }
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadBody {
    Malformed(String),
    TooManyTokens(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model() -> AgentModel {
        serde_json::from_value(json!({
            "api": "openai-chat", "model": "gpt-x", "baseUrl": "https://h/v1",
        }))
        .unwrap()
    }

    fn refusal(body: &str) -> String {
        match check(body, &model(), 100) {
            Err(BadBody::Malformed(text)) => text,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_body_is_an_object_for_the_endpoints_own_model() {
        assert_eq!(
            check(r#" {"model":"gpt-x","messages":[]}"#, &model(), 100),
            Ok(())
        );
        assert!(refusal(r#"["gpt-x",1,1]"#).contains("no JSON object"));
        assert!(refusal("").contains("no JSON object"));
        assert!(refusal(r#"{"model":"gpt-x""#).contains("cannot be read"));
        assert!(refusal("{}").contains("another model"));
        assert!(refusal(r#"{"model":"gpt-huge"}"#).contains("another model"));
        assert!(refusal(r#"{"model":"gpt-x","model":"gpt-huge"}"#).contains("duplicate"));
        assert!(refusal(r#"{"model":"gpt-x","mod\u0065l":"gpt-huge"}"#).contains("duplicate"));
    }

    #[test]
    fn tokens_are_asked_for_up_to_the_limit_and_not_one_beyond() {
        for field in ["max_tokens", "max_completion_tokens"] {
            let body = |tokens: u32| json!({ "model": "gpt-x", field: tokens }).to_string();
            assert_eq!(check(&body(100), &model(), 100), Ok(()));
            let Err(BadBody::TooManyTokens(text)) = check(&body(101), &model(), 100) else {
                panic!("{field}");
            };
            assert!(text.contains("limits.output_tokens"), "{text}");
        }
    }
}
