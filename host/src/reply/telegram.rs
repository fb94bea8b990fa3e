use super::Sent;
use crate::config::ApiBase;
use crate::domain::{Channel, SecretValue};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Sends messages with the Bot API, each with the bot token of its own tenant.
#[derive(Clone, Debug)]
pub struct Telegram {
    client: reqwest::Client,
    base: ApiBase,
}

#[derive(Serialize)]
struct SendMessage<'m> {
    chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    text: &'m str,
}

/// The Bot API's envelope.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    ok: bool,
    description: String,
    parameters: Parameters,
    result: Message,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    message_id: Option<i64>,
}

/// The longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

impl Telegram {
    /// Reach the Bot API at `base`; one request takes at most `timeout`.
    ///
    /// # Errors
    /// Where the TLS library cannot start.
    pub fn new(base: ApiBase, timeout: Duration) -> Result<Self, reqwest::Error> {
        // No redirects: the token is in the path, and would go along.
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, base })
    }

    /// Send one message.
    ///
    /// An answer that never comes is a retry: Telegram may have sent the message all the same, and a person who
    /// reads a reply twice has lost less than one who never reads it.
    pub async fn send(&self, token: Option<&SecretValue>, channel: &Channel, text: &str) -> Sent {
        let Channel::Telegram {
            chat_id, topic_id, ..
        } = channel
        else {
            return Sent::Delivered {
                provider_message_id: None,
            };
        };
        let Some(token) = token else {
            return retry(
                "the bot's token is not there or cannot be read; import its secret again"
                    .to_owned(),
                None,
            );
        };
        let url = format!("{}/bot{}/sendMessage", self.base.as_str(), token.reveal());
        let body = SendMessage {
            chat_id: *chat_id,
            message_thread_id: *topic_id,
            text,
        };
        // The token is in the URL, so the error is shown without it.
        let answer = match self.client.post(url).json(&body).send().await {
            Ok(answer) => answer,
            Err(error) => return retry(format!("no answer: {}", error.without_url()), None),
        };
        let status = answer.status().as_u16();
        match read(answer).await {
            Ok(answer) => judge(status, &answer),
            Err(reason) => retry(format!("status {status}: {reason}"), None),
        }
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Answer, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| error.without_url().to_string())?
    {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| "an answer that is not the Bot API's".to_owned())
}

/// What an answer means for the message.
fn judge(status: u16, answer: &Answer) -> Sent {
    if answer.ok {
        let id = answer.result.message_id;
        return Sent::Delivered {
            provider_message_id: id.map(|id| id.to_string()),
        };
    }
    let reason = format!("status {status}: {}", answer.description);
    match status {
        429 => retry(
            reason,
            answer.parameters.retry_after.map(Duration::from_secs),
        ),
        // The message itself, the chat, or the person's own choice: the same again would be refused again.
        400 | 403 => Sent::Refused { reason },
        // 401 and 404 are a revoked or mistyped token: a person can mend that while the attempts last.
        _ => retry(reason, None),
    }
}

fn retry(reason: String, after: Option<Duration>) -> Sent {
    Sent::Retry { reason, after }
}
