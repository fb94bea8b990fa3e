//! The methods of the Bot API that the double knows.

use serde_json::{Value, json};

use super::answer::{Done, Refusal};
use super::call::Parameters;
use super::ledger::{Ledger, Sent, Webhook};

/// UTF-16 units of a message, at most.
const MAX_TEXT: usize = 4096;

/// Seconds since 1970 of the first message; the double has no clock, so that tests repeat exactly.
const EPOCH: i64 = 1_767_225_600;

const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    GetMe,
    SendMessage,
    SendChatAction,
    SetWebhook,
    GetWebhookInfo,
    DeleteWebhook,
}

impl Method {
    const ALL: [Self; 6] = [
        Self::GetMe,
        Self::SendMessage,
        Self::SendChatAction,
        Self::SetWebhook,
        Self::GetWebhookInfo,
        Self::DeleteWebhook,
    ];

    /// The method of that name, in any case of letters.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.name().eq_ignore_ascii_case(name))
    }

    /// The name, spelled as in the documentation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::GetMe => "getMe",
            Self::SendMessage => "sendMessage",
            Self::SendChatAction => "sendChatAction",
            Self::SetWebhook => "setWebhook",
            Self::GetWebhookInfo => "getWebhookInfo",
            Self::DeleteWebhook => "deleteWebhook",
        }
    }

    /// Does what the method does, at once and for good.
    pub(super) fn run(
        self,
        bot_id: i64,
        parameters: &Parameters,
        ledger: &mut Ledger,
    ) -> Result<Done, Refusal> {
        match self {
            Self::GetMe => Ok(Done::with(me(bot_id))),
            Self::SendMessage => {
                let sent = ledger.send(message(bot_id, parameters)?)?;
                Ok(Done::with(described(&sent)))
            }
            Self::SendChatAction => chat_action(parameters),
            Self::SetWebhook => set_webhook(bot_id, parameters, ledger),
            Self::GetWebhookInfo => Ok(Done::with(webhook_info(ledger.webhooks.get(&bot_id)))),
            Self::DeleteWebhook => Ok(Done::described(match ledger.webhooks.remove(&bot_id) {
                Some(_) => "Webhook was deleted",
                None => "Webhook is already deleted",
            })),
        }
    }
}

fn user(bot_id: i64) -> Value {
    json!({
        "id": bot_id,
        "is_bot": true,
        "first_name": format!("Bot {bot_id}"),
        "username": format!("double_{bot_id}_bot"),
    })
}

fn me(bot_id: i64) -> Value {
    let mut me = user(bot_id);
    me["can_join_groups"] = true.into();
    me["can_read_all_group_messages"] = false.into();
    me["supports_inline_queries"] = false.into();
    me["can_connect_to_business"] = false.into();
    me["has_main_web_app"] = false.into();
    me
}

fn chat_id(parameters: &Parameters) -> Result<i64, Refusal> {
    let id = parameters
        .text("chat_id")
        .ok_or_else(|| Refusal::bad_request("chat_id is empty"))?;
    // No chat here has a public `@name`.
    id.parse()
        .map_err(|_| Refusal::bad_request("chat not found"))
}

fn message(bot_id: i64, parameters: &Parameters) -> Result<Sent, Refusal> {
    let chat_id = chat_id(parameters)?;
    let text = parameters.text("text").unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Refusal::bad_request("message text is empty"));
    }
    if text.encode_utf16().count() > MAX_TEXT {
        return Err(Refusal::bad_request("message is too long"));
    }
    let parse_mode = parameters.text("parse_mode");
    if let Some(mode) = &parse_mode {
        let known = ["HTML", "Markdown", "MarkdownV2"];
        if !known.iter().any(|known| known.eq_ignore_ascii_case(mode)) {
            return Err(Refusal::bad_request("unsupported parse_mode"));
        }
    }
    let reply_to =
        match parameters.json("reply_parameters")? {
            Some(reply) => Some(reply.get("message_id").and_then(Value::as_i64).ok_or_else(
                || {
                    Refusal::bad_request(
                        "can't parse reply parameters: message_id must be an integer",
                    )
                },
            )?),
            None => parameters.integer("reply_to_message_id")?,
        };
    let topic = parameters.integer("message_thread_id")?;
    Ok(Sent {
        bot_id,
        chat_id,
        topic,
        text,
        message_id: 0,
        reply_to,
        parse_mode,
    })
}

/// The `Message` that the answer holds.
fn described(sent: &Sent) -> Value {
    let chat = if sent.chat_id > 0 {
        json!({"id": sent.chat_id, "type": "private", "first_name": format!("Person {}", sent.chat_id)})
    } else {
        json!({"id": sent.chat_id, "type": "supergroup", "title": format!("Group {}", sent.chat_id)})
    };
    let mut message = json!({
        "message_id": sent.message_id,
        "from": user(sent.bot_id),
        "chat": chat,
        "date": EPOCH + sent.message_id,
        "text": sent.text,
    });
    if let Some(topic) = sent.topic {
        message["message_thread_id"] = topic.into();
        message["is_topic_message"] = true.into();
    }
    if let Some(reply_to) = sent.reply_to {
        message["reply_to_message"] =
            json!({"message_id": reply_to, "chat": message["chat"], "date": EPOCH});
    }
    message
}

fn chat_action(parameters: &Parameters) -> Result<Done, Refusal> {
    chat_id(parameters)?;
    match parameters.text("action") {
        None => Err(Refusal::bad_request("parameter \"action\" is required")),
        Some(action) if ACTIONS.contains(&action.as_str()) => Ok(Done::with(Value::Bool(true))),
        Some(_) => Err(Refusal::bad_request("wrong parameter action in request")),
    }
}

fn set_webhook(bot_id: i64, parameters: &Parameters, ledger: &mut Ledger) -> Result<Done, Refusal> {
    let Some(url) = parameters.text("url") else {
        return Ok(Done::described(match ledger.webhooks.remove(&bot_id) {
            Some(_) => "Webhook was deleted",
            None => "Webhook is already deleted",
        }));
    };
    let bad = |reason: &str| Refusal::bad_request(&format!("bad webhook: {reason}"));
    let parsed = reqwest::Url::parse(&url).map_err(|_| bad("invalid URL"))?;
    if parsed.scheme() != "https" {
        return Err(bad("An HTTPS URL must be provided for webhook"));
    }
    if !matches!(parsed.port_or_known_default(), Some(443 | 80 | 88 | 8443)) {
        return Err(bad(
            "Webhook can be set up only on ports 80, 88, 443 or 8443",
        ));
    }
    if let Some(secret) = parameters.text("secret_token") {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if secret.len() > 256 {
            return Err(Refusal::bad_request("secret token is too long"));
        }
        if !secret.bytes().all(allowed) {
            return Err(Refusal::bad_request(
                "secret token contains unallowed characters",
            ));
        }
    }
    let before = ledger.webhooks.get(&bot_id);
    // A list that is not given stays what it was.
    let allowed_updates = match parameters.json("allowed_updates")? {
        Some(list) => list
            .as_array()
            .is_some_and(|list| !list.is_empty())
            .then_some(list),
        None => before.and_then(|webhook| webhook.allowed_updates.clone()),
    };
    let max_connections = parameters
        .integer("max_connections")?
        .unwrap_or(40)
        .clamp(1, 100);
    ledger.webhooks.insert(
        bot_id,
        Webhook {
            url,
            max_connections,
            allowed_updates,
        },
    );
    Ok(Done::described("Webhook was set"))
}

fn webhook_info(webhook: Option<&Webhook>) -> Value {
    let mut info = json!({"url": "", "has_custom_certificate": false, "pending_update_count": 0});
    if let Some(webhook) = webhook {
        info["url"] = webhook.url.clone().into();
        info["max_connections"] = webhook.max_connections.into();
        if let Some(list) = &webhook.allowed_updates {
            info["allowed_updates"] = list.clone();
        }
    }
    info
}
