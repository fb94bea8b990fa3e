//! Messages in, and what became of them.

use super::{Api, ApiError, App, Json};
use crate::domain::{AgentKey, BotId, Channel, ConversationId, MessageId, Payload, Timestamp};
use crate::domain::{Provider, TenantId, TraceId};
use crate::identity;
use crate::queue::{self, Enqueue, EnqueueError, Enqueued, Priority};
use crate::store::{StoreError, Tx};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most of `providerUserId` and of `externalMessageId`, bytes.
const ID_BYTES_MAX: usize = 256;
/// The most labels of a message.
const METADATA_MAX: usize = 64;
/// The most attempts of a message.
const ATTEMPTS_MAX: u32 = 100;
/// The end of the year 9999: a moment beyond it is a mistake of units.
const LAST_MOMENT: i64 = 253_402_300_799_999;
/// Where messages that come in here say they come from.
const SOURCE: &str = "api";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(enqueue))
}

/// A message for an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnqueueRequest {
    /// Messages of one conversation are answered one at a time, in order: 1 to 256 visible ASCII characters. It is made
    /// where there is none, and bound to its first agent for good.
    #[schema(value_type = String)]
    conversation_id: ConversationId,
    /// Who is to answer.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// What it brings.
    payload: PayloadRequest,
    /// How soon it is taken among the tenant's conversations, 0 to 100, higher first; as configured where left out.
    #[schema(minimum = 0, maximum = 100)]
    priority: Option<i64>,
    /// When it is to take its place in the conversation, where that is later than now.
    scheduled_for: Option<i64>,
    /// Attempts until it is given up, 1 to 100; as configured where left out.
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u32>,
}

/// What a message brings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PayloadRequest {
    /// Where it comes from.
    provider: ProviderName,
    /// Who wrote it, in the provider's own terms: 1 to 256 bytes.
    #[schema(min_length = 1)]
    provider_user_id: String,
    /// What was written.
    #[schema(min_length = 1)]
    message_text: String,
    /// The provider's own id of the message, 1 to 256 bytes without control characters. A message with the id of one
    /// that is here already is that message.
    external_message_id: Option<String>,
    /// Where the reply goes; to whoever asks for it by `getMessage` where left out.
    #[serde(default)]
    reply_to: ReplyTo,
    /// The app's own labels, at most 64.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderName {
    /// An app.
    Api,
    /// Telegram, by an app's own webhook.
    Telegram,
}

/// Where a reply goes.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum ReplyTo {
    /// Kept until the app reads it.
    #[default]
    Api,
    /// Sent by one of the tenant's bots.
    #[serde(rename_all = "camelCase")]
    Telegram {
        /// The bot's id.
        #[schema(value_type = String)]
        bot_id: BotId,
        /// The chat.
        chat_id: i64,
        /// The topic of a forum.
        topic_id: Option<i64>,
    },
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnqueuedView {
    /// The message; the first one where this is a repeat.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// Whether this repeats a message that is here already. Nothing was changed then.
    duplicate: bool,
}

impl EnqueuedView {
    /// What is told of an accepted message; an error where another message has its `externalMessageId`.
    pub(super) fn of(enqueued: Enqueued) -> Result<Self, ApiError> {
        if enqueued.differs {
            return Err(ApiError::Conflict(format!(
                "the externalMessageId belongs to the message {}, which says something else",
                enqueued.message_id
            )));
        }
        Ok(Self {
            message_id: enqueued.message_id,
            duplicate: enqueued.duplicate,
        })
    }
}

/// The refusal of a message whose reply is to go through a bot that its tenant does not have. `bots` are those that were looked
/// up before, and whether the tenant has them.
pub(super) async fn of_unknown_bot(
    tx: &mut Tx,
    message: &Enqueue,
    bots: &mut HashMap<BotId, bool>,
) -> Result<Option<ApiError>, StoreError> {
    let Channel::Telegram { bot_id, .. } = &message.payload.reply_to else {
        return Ok(None);
    };
    let known = match bots.get(bot_id) {
        Some(known) => *known,
        None => {
            let bot = identity::token_ref(tx, &message.tenant_id, bot_id).await?;
            bots.insert(bot_id.clone(), bot.is_some());
            bot.is_some()
        }
    };
    let unknown = || ApiError::Invalid(format!("payload.replyTo: the tenant has no bot {bot_id}"));
    Ok((!known).then(unknown))
}

impl EnqueueRequest {
    /// The message, where it keeps to every bound.
    pub(super) fn checked(
        self,
        tenant_id: TenantId,
        trace_id: TraceId,
    ) -> Result<Enqueue, ApiError> {
        let invalid = |text: String| Err(ApiError::Invalid(text));
        let payload = self.payload;
        if !(1..=ID_BYTES_MAX).contains(&payload.provider_user_id.len()) {
            return invalid(format!(
                "payload.providerUserId must be 1 to {ID_BYTES_MAX} bytes"
            ));
        }
        if payload.message_text.is_empty() {
            return invalid("payload.messageText must not be empty".to_owned());
        }
        if let Some(id) = &payload.external_message_id
            && (!(1..=ID_BYTES_MAX).contains(&id.len()) || id.chars().any(char::is_control))
        {
            return invalid(format!(
                "payload.externalMessageId must be 1 to {ID_BYTES_MAX} bytes without control characters"
            ));
        }
        if payload.metadata.len() > METADATA_MAX {
            return invalid(format!(
                "payload.metadata must have at most {METADATA_MAX} labels"
            ));
        }
        if self
            .priority
            .is_some_and(|priority| !(0..=100).contains(&priority))
        {
            return invalid("priority must be 0 to 100".to_owned());
        }
        if self
            .scheduled_for
            .is_some_and(|at| !(0..=LAST_MOMENT).contains(&at))
        {
            return invalid(format!(
                "scheduledFor must be 0 to {LAST_MOMENT} milliseconds of the Unix epoch"
            ));
        }
        if self
            .max_attempts
            .is_some_and(|most| !(1..=ATTEMPTS_MAX).contains(&most))
        {
            return invalid(format!("maxAttempts must be 1 to {ATTEMPTS_MAX} attempts"));
        }
        Ok(Enqueue {
            tenant_id,
            conversation_id: self.conversation_id,
            agent_key: self.agent_key,
            priority: self.priority.map(Priority::clamped),
            scheduled_for: self.scheduled_for.map(Timestamp::from_millis),
            max_attempts: self.max_attempts,
            source: SOURCE.to_owned(),
            source_id: payload.external_message_id.clone(),
            trace_id,
            payload: payload.into(),
        })
    }
}

impl From<PayloadRequest> for Payload {
    fn from(payload: PayloadRequest) -> Self {
        Self {
            provider: match payload.provider {
                ProviderName::Api => Provider::Api,
                ProviderName::Telegram => Provider::Telegram,
            },
            provider_user_id: payload.provider_user_id,
            message_text: payload.message_text,
            external_message_id: payload.external_message_id,
            reply_to: match payload.reply_to {
                ReplyTo::Api => Channel::Api,
                ReplyTo::Telegram {
                    bot_id,
                    chat_id,
                    topic_id,
                } => Channel::Telegram {
                    bot_id,
                    chat_id,
                    topic_id,
                },
            },
            metadata: payload.metadata,
        }
    }
}

/// Give a message to an agent. Once this is answered, the message is answered too or ends in the dead letters. A repeat
/// under the same `externalMessageId` answers the first message; another message under it is a conflict.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/messages", operation_id = "enqueue", tag = "messages",
    security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses(
        (status = 202, description = "It is stored.", body = EnqueuedView),
        (status = 200, description = "It was stored before.", body = EnqueuedView),
        (status = 409, description = "The agent is disabled, the conversation is another agent's, or the externalMessageId another message's.", body = super::ErrorBody),
    )
)]
async fn enqueue(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
    Extension(trace_id): Extension<TraceId>,
    Json(request): Json<EnqueueRequest>,
) -> Result<(StatusCode, Json<EnqueuedView>), ApiError> {
    let message_id = api.ids.message().map_err(StoreError::from)?;
    let message = request.checked(tenant_id, trace_id)?;
    let policy = api.queue_policy.clone();
    let stored: Result<Result<Enqueued, ApiError>, EnqueueError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                if let Some(error) = of_unknown_bot(tx, &message, &mut HashMap::new()).await? {
                    return Ok(Err(error));
                }
                queue::enqueue(tx, &policy, &message, message_id)
                    .await
                    .map(Ok)
            })
        })
        .await;
    let view = EnqueuedView::of(stored??)?;
    let status = if view.duplicate {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(view)))
}
