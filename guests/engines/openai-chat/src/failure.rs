//! What a failed request means for the turn.

use agent_factory_sdk::model::{Error, Status};
use agent_factory_sdk::turn::TurnError;
use serde_json::Value;

/// What is quoted of a server's message, characters.
const QUOTED_CHARS: usize = 300;

/// What to do next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Another model may do better; where there is none, the turn may be tried again later.
    TryAnother {
        /// For the operator.
        reason: String,
        /// The server's own advice, milliseconds.
        after: Option<u32>,
    },
    /// The same model once more, with the older name of a field.
    OlderField,
    /// This model cannot answer; another may. Where there is none, the turn ends like this.
    Instead(TurnError),
    /// No other model helps.
    End(TurnError),
}

/// Judge a failure of this model.
pub(crate) fn judge(model: &str, error: Error) -> Next {
    match error {
        Error::NotConfigured(why) => Next::Instead(TurnError::Hold(format!(
            "the model {model} cannot be used: {why}"
        ))),
        Error::OverBudget(why) | Error::Other(why) => Next::End(TurnError::Permanent(format!(
            "the model {model} was not asked further: {why}"
        ))),
        Error::Unreachable(why) => {
            another(format!("the model {model} was not reached: {why}"), None)
        }
        Error::Interrupted(why) => another(format!("the model {model} broke off: {why}"), None),
        Error::Status(status) => refused(model, &status),
    }
}

/// Judge an error that came in place of a piece of the answer.
pub(crate) fn reported(model: &str, error: &Value) -> Next {
    let code = [error.get("code"), error.get("status")]
        .into_iter()
        .find_map(|code| code?.as_u64());
    let status = Status {
        // What went wrong behind the server's door is the server's.
        code: code
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or(500),
        retry_after_milliseconds: None,
        body: serde_json::json!({ "error": error }).to_string(),
    };
    refused(model, &status)
}

fn another(reason: String, after: Option<u32>) -> Next {
    Next::TryAnother { reason, after }
}

fn refused(model: &str, status: &Status) -> Next {
    let said = Said::read(&status.body);
    let (code, message) = (status.code, &said.message);
    let hold = |what: &str| {
        Next::Instead(TurnError::Hold(format!(
            "{what} (model {model}, status {code}): {message}; mend that, then resume the agent"
        )))
    };
    if said.is("insufficient_quota") || said.is("billing_hard_limit_reached") || code == 402 {
        return hold("the account at the model server has no quota left");
    }
    if said.is("context_length_exceeded") || code == 413 || said.is_of_context() {
        return Next::Instead(TurnError::ContextOverflow);
    }
    match code {
        401 => hold("the model server refused the key"),
        // One person's words are no reason to stop the agent for everybody.
        403 if said.is_of_input() => Next::End(TurnError::Permanent(format!(
            "the model server refused what was said (model {model}): {message}"
        ))),
        403 => hold("the model server does not allow this"),
        404 => hold("the model server does not know the model or the path"),
        300..=399 => {
            hold("the model server sends elsewhere, which is not followed; correct the baseUrl")
        }
        408 | 409 | 425 | 429 | 500..=599 => {
            let reason = format!("the model {model} answered with status {code}: {message}");
            another(reason, status.retry_after_milliseconds)
        }
        400 | 422 if message.contains("max_completion_tokens") => Next::OlderField,
        _ => Next::End(TurnError::Permanent(format!(
            "the model server refused the request (model {model}, status {code}): {message}"
        ))),
    }
}

/// What a refusal's body says, in any of the shapes that servers use.
struct Said {
    message: String,
    words: Vec<String>,
}

impl Said {
    fn read(body: &str) -> Self {
        let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let error = json
            .get("error")
            .filter(|error| !error.is_null())
            .unwrap_or(&json);
        let texts = [
            error.get("message"),
            json.get("message"),
            json.get("detail"),
            Some(error),
        ];
        let mut texts = texts.into_iter().flatten();
        let message = texts.find_map(Value::as_str);
        let message = message.unwrap_or(body).trim();
        let message: String = message.chars().take(QUOTED_CHARS).collect();
        let words = [error.get("code"), error.get("type")].into_iter().flatten();
        let words = words.filter_map(|word| word.as_str().map(str::to_owned));
        Self {
            message: if message.is_empty() {
                "no reason given".to_owned()
            } else {
                message
            },
            words: words.collect(),
        }
    }

    fn is(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    /// Refused for what a person wrote, not for who asks: servers say so in words only.
    fn is_of_input(&self) -> bool {
        let message = self.message.to_lowercase();
        let words = ["moderation", "flagged", "content policy", "safety"];
        words.iter().any(|word| message.contains(word)) || self.is("content_policy_violation")
    }

    /// Servers without codes say it in words.
    fn is_of_context(&self) -> bool {
        let message = self.message.to_lowercase();
        [
            "context length",
            "maximum context",
            "context window",
            "context size",
        ]
        .iter()
        .any(|words| message.contains(words))
    }
}
