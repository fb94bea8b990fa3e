//! Tokens, as the vendor counted them.

use crate::domain::{ModelApi, ModelTokens};
use serde::Deserialize;

/// The `usage` of an OpenAI answer or of its last chunk. What a server leaves out counts as nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OpenAiUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OpenAiChunk {
    usage: Option<OpenAiUsage>,
}

/// What one event says of tokens; none where it says nothing. Counts are of the whole exchange so far, so that the
/// last event that has any is right.
pub(super) fn reported(api: &ModelApi, data: &str) -> Option<ModelTokens> {
    // Most events have no count, and are not worth reading twice.
    if api.as_str() != "openai-chat" || !data.contains("\"usage\"") {
        return None;
    }
    let usage = serde_json::from_str::<OpenAiChunk>(data).ok()?.usage?;
    let (input, output) = (usage.prompt_tokens, usage.completion_tokens);
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(ModelTokens {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached_input: usage
            .prompt_tokens_details
            .and_then(|details| details.cached_tokens)
            .unwrap_or(0),
        reasoning: usage
            .completion_tokens_details
            .and_then(|details| details.reasoning_tokens)
            .unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> Option<ModelTokens> {
        reported(&"openai-chat".parse().unwrap(), data)
    }

    #[test]
    fn the_last_chunk_of_a_stream_and_a_whole_body_are_read_alike() {
        let usage = r#""usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,
            "prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}"#;
        let expected = ModelTokens {
            input: 7,
            cached_input: 3,
            output: 5,
            reasoning: 2,
        };
        assert_eq!(of(&format!(r#"{{"choices":[],{usage}}}"#)), Some(expected));
        assert_eq!(
            of(&format!(r#"{{"id":"x","choices":[{{}}],{usage}}}"#)),
            Some(expected)
        );
    }

    #[test]
    fn what_the_vendor_does_not_say_is_not_guessed() {
        for data in [
            "[DONE]",
            "{}",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":"many"}"#,
            r#"{"usage":{"prompt_tokens":-1}}"#,
            r#"{"choices":[{"delta":{"content":"\"usage\""}}]}"#,
        ] {
            assert_eq!(of(data), None, "{data}");
        }
        let partly = of(r#"{"usage":{"completion_tokens":5}}"#).unwrap();
        assert_eq!((partly.input, partly.output), (0, 5));
        assert_eq!(
            reported(
                &"my-own".parse().unwrap(),
                r#"{"usage":{"prompt_tokens":1}}"#
            ),
            None
        );
    }
}
