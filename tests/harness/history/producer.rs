//! A sender of messages that repeats each until it is acknowledged.

use super::chance::Chance;
use super::recorder::Recorder;
use super::site::{Site, Tenant};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long a producer waits for an answer before it repeats the request.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Between a request that came to nothing and its repeat.
const PAUSE: Duration = Duration::from_millis(25);

/// Sends to conversations of one tenant, one message after another.
pub struct Producer {
    /// Where.
    pub site: Arc<Site>,
    /// What it notes.
    pub recorder: Recorder,
    /// What it chooses by.
    pub chance: Chance,
    /// Whose messages.
    pub tenant: Tenant,
    /// Distinguishes its messages from others'.
    pub name: String,
    /// To which it sends.
    pub conversations: Vec<String>,
    /// To each.
    pub messages: usize,
}

impl Producer {
    /// Send everything.
    pub async fn run(mut self) {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build();
        let client = client.expect("an HTTP client");
        for number in 0..self.messages {
            for conversation in self.conversations.clone() {
                let external_id = format!("{}-{conversation}-{number}.", self.name);
                let body = body(&conversation, &external_id, self.chance.below(101));
                // Most are sent once. Some are sent again although they were acknowledged.
                let times = if self.chance.one_in(8) { 2 } else { 1 };
                for _ in 0..times {
                    if self.chance.one_in(6) {
                        self.site.lose_answer(&external_id, &mut self.chance);
                    }
                    self.send(&client, &conversation, &external_id, &body).await;
                }
            }
        }
    }

    /// Until it is acknowledged.
    async fn send(
        &mut self,
        client: &reqwest::Client,
        conversation: &str,
        external_id: &str,
        body: &Value,
    ) {
        // Another tenant's under the same names are others.
        let conversation = format!("{}/{conversation}", self.tenant.name);
        let noted_id = format!("{}/{external_id}", self.tenant.name);
        loop {
            let url = self.site.url(&mut self.chance);
            let asked = self.recorder.enqueuing(&conversation, &noted_id);
            let answer = client
                .post(format!("{url}/v1/tenants/{}/messages", self.tenant.name))
                .bearer_auth(&self.tenant.token)
                .json(body)
                .send();
            if let Some(message) = acknowledged(answer.await).await {
                self.recorder.accepted(asked, &message);
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A message as an app sends it.
#[must_use]
pub fn body(conversation: &str, external_id: &str, priority: u64) -> Value {
    json!({
        "conversationId": conversation,
        "agentKey": "default",
        "priority": priority,
        "payload": {
            "provider": "api",
            "providerUserId": "producer",
            "messageText": format!("this is {external_id}"),
            "externalMessageId": external_id,
        },
    })
}

/// The id in an acknowledgement; none where none came, or the control plane could not say.
async fn acknowledged(answer: reqwest::Result<reqwest::Response>) -> Option<String> {
    let answer = answer.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    match status {
        StatusCode::ACCEPTED | StatusCode::OK => {
            let said: Value = serde_json::from_str(&text).ok()?;
            Some(said["messageId"].as_str()?.to_owned())
        }
        status if status.is_server_error() => None,
        status => panic!("a message was answered {status}: {text}"),
    }
}
