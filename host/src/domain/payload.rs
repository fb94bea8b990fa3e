use super::BotId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// A Telegram bot's webhook.
    Telegram,
    /// An app, or the terminal chat of `dev`: asks for the reply itself.
    Api,
}

/// What a message brings (`payload`); stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// Where it came from.
    pub provider: Provider,
    /// Who wrote it, in the provider's own terms.
    pub provider_user_id: String,
    /// What was written.
    pub message_text: String,
    /// The provider's own id of the message, for replies and support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_message_id: Option<String>,
    /// Where the reply goes.
    pub reply_to: Channel,
    /// An app's own labels; handed back as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Where a reply goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Channel {
    /// Sent by the tenant's own bot.
    #[serde(rename_all = "camelCase")]
    Telegram {
        /// The bot.
        bot_id: BotId,
        /// `chat.id`; negative for groups.
        chat_id: i64,
        /// `message_thread_id` of a forum topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic_id: Option<i64>,
    },
    /// Kept until the app reads it; nothing is sent.
    Api,
}
