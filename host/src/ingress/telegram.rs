//! `POST {prefix}/telegram/webhook`.

use super::error::IngressError;
use super::server::Ingress;
use super::update::{Update, Written};
use crate::domain::{BotId, Channel, ConversationId, MessageId, Payload, Provider, TraceId};
use crate::identity::{self, Bot, WebhookSecret};
use crate::queue::{self, Enqueue, EnqueueError, Enqueued};
use crate::store::StoreError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tracing::Instrument as _;

const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Store one update. Success is answered after the commit only: until then Telegram keeps the update and sends it
/// again.
pub(super) async fn webhook(
    State(ingress): State<Ingress>,
    Extension(trace_id): Extension<TraceId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, IngressError> {
    // First of all, and before the body is looked at.
    let bot = authenticate(&ingress, &headers).await?;
    let update: Update = serde_json::from_slice(&body).map_err(|_| {
        IngressError::InvalidPayload("the body is not a Telegram update".to_owned())
    })?;
    let update_id = update.update_id;
    let Some(written) = update.written() else {
        // Answered with success: Telegram would send it again for ever.
        return Ok(Json(json!({ "ok": true, "ignored": true })));
    };
    let message_id = ingress.ids.message().map_err(StoreError::from)?;
    let enqueue = enqueue(bot, update_id, written, trace_id)?;
    let span = tracing::info_span!(
        "enqueue",
        trace.id = %enqueue.trace_id,
        tenant.id = %enqueue.tenant_id,
        conversation.id = %enqueue.conversation_id,
        message.id = %message_id,
    );
    accept(&ingress, enqueue, message_id, update_id)
        .instrument(span)
        .await
}

async fn accept(
    ingress: &Ingress,
    mut enqueue: Enqueue,
    message_id: MessageId,
    update_id: i64,
) -> Result<Json<Value>, IngressError> {
    let mut stored = store(ingress, enqueue.clone(), message_id.clone()).await;
    if let Err(EnqueueError::ConversationBoundToAnotherAgent(agent)) = stored {
        // The bot was given to another agent since this conversation began; the conversation stays with its own.
        enqueue.agent_key = agent;
        stored = store(ingress, enqueue, message_id).await;
    }
    match stored {
        Ok(enqueued) => {
            tracing::info!(duplicate = enqueued.duplicate, "accepted");
            Ok(Json(json!({ "ok": true, "duplicate": enqueued.duplicate })))
        }
        Err(EnqueueError::Store(error)) => Err(error.into()),
        Err(never) => {
            // It would be refused each time Telegram sends it again, until Telegram stops without a word.
            tracing::warn!(error = %never, update_id, "an update cannot be accepted");
            Ok(Json(json!({ "ok": true, "ignored": true })))
        }
    }
}

async fn store(
    ingress: &Ingress,
    enqueue: Enqueue,
    message_id: MessageId,
) -> Result<Enqueued, EnqueueError> {
    let policy = ingress.policy.clone();
    ingress
        .db
        .write(move |tx| {
            Box::pin(async move { queue::enqueue(tx, &policy, &enqueue, message_id).await })
        })
        .await
}

async fn authenticate(ingress: &Ingress, headers: &HeaderMap) -> Result<Bot, IngressError> {
    let secret: WebhookSecret = headers
        .get(SECRET_HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .ok_or(IngressError::Unauthorized)?;
    let found: Option<Bot> = ingress
        .db
        .read(move |tx| Box::pin(async move { identity::bot_by_secret(tx, &secret).await }))
        .await
        .map_err(|error: StoreError| error)?;
    found.ok_or(IngressError::Unauthorized)
}

fn enqueue(
    bot: Bot,
    update_id: i64,
    written: Written,
    trace_id: TraceId,
) -> Result<Enqueue, IngressError> {
    let Written {
        chat_id,
        topic_id,
        user_id,
        message_id,
        text,
    } = written;
    Ok(Enqueue {
        conversation_id: conversation_id(&bot.bot_id, chat_id, topic_id)?,
        source: format!("telegram:{}", bot.bot_id),
        source_id: Some(update_id.to_string()),
        tenant_id: bot.tenant_id,
        agent_key: bot.agent_key,
        payload: Payload {
            provider: Provider::Telegram,
            provider_user_id: user_id.to_string(),
            message_text: text,
            external_message_id: Some(message_id.to_string()),
            reply_to: Channel::Telegram {
                bot_id: bot.bot_id,
                chat_id,
                topic_id,
            },
            metadata: BTreeMap::new(),
        },
        priority: None,
        scheduled_for: None,
        max_attempts: None,
        trace_id,
    })
}

/// `telegram:<bot>:<chat>[:<topic>]`.
fn conversation_id(
    bot: &BotId,
    chat: i64,
    topic: Option<i64>,
) -> Result<ConversationId, IngressError> {
    let topic = topic.map_or_else(String::new, |topic| format!(":{topic}"));
    format!("telegram:{bot}:{chat}{topic}")
        .parse()
        .map_err(|error: crate::domain::IdError| IngressError::InvalidPayload(error.to_string()))
}
