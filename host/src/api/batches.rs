//! Many messages at once: what an app that has gathered some sends in one request, for the price of a few.

use super::error::ErrorBody;
use super::json::read;
use super::messages::{EnqueueRequest, EnqueuedView, of_unknown_bot};
use super::{Api, ApiError, App, Json};
use crate::domain::{MessageId, TraceId};
use crate::queue::{self, Enqueue};
use crate::store::{StoreError, Tx};
use axum::Extension;
use axum::extract::State;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most messages of one batch.
const MESSAGES_MAX: usize = 100;
/// The most bytes of a batch, unless one message may have more.
const BATCH_BYTES_MAX: u64 = 8 << 20;

/// With a bound of their own on bodies: [`bytes_max`].
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(enqueue_all))
}

/// The most bytes of a batch: of as many payloads as it may have, within reason, and of any one message that `enqueue`
/// takes.
pub(super) fn bytes_max(api: &Api) -> usize {
    let messages = u64::try_from(MESSAGES_MAX).unwrap_or(u64::MAX);
    let payloads = api.config.queue.max_payload_bytes.saturating_mul(messages);
    let most = payloads
        .min(BATCH_BYTES_MAX)
        .max(api.config.server.body_bytes_max);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Messages for agents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    /// Each as `enqueue` takes one: 1 to 100. Those of one conversation take their places in this order.
    #[serde(deserialize_with = "one_to_many")]
    #[schema(value_type = Vec<EnqueueRequest>, min_items = 1, max_items = 100)]
    messages: Vec<Box<RawValue>>,
}

/// Stops at the first item too many, before a body of nothing but commas has filled the memory.
fn one_to_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Box<RawValue>>, D::Error> {
    struct Items;

    impl<'de> Visitor<'de> for Items {
        type Value = Vec<Box<RawValue>>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "1 to {MESSAGES_MAX} messages")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = from.next_element()? {
                items.push(item);
                if items.len() > MESSAGES_MAX {
                    break;
                }
            }
            if (1..=MESSAGES_MAX).contains(&items.len()) {
                Ok(items)
            } else {
                Err(A::Error::invalid_length(items.len(), &self))
            }
        }
    }

    from.deserialize_seq(Items)
}

/// What became of the messages.
#[derive(Debug, Serialize, ToSchema)]
struct BatchView {
    /// Of each, in their order.
    results: Vec<ResultView>,
}

/// What became of one message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum ResultView {
    /// It is stored, or was before.
    Accepted(EnqueuedView),
    /// It is not; the others are not touched by that.
    Refused(ErrorBody),
}

impl From<Result<EnqueuedView, ApiError>> for ResultView {
    fn from(result: Result<EnqueuedView, ApiError>) -> Self {
        match result {
            Ok(view) => Self::Accepted(view),
            Err(error) => Self::Refused(error.body()),
        }
    }
}

/// Give many messages to agents, each as `enqueue` does: one that is refused stands in no other's way, and is answered with
/// the code that `enqueue` would give. May be repeated for messages with an `externalMessageId`.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/messages/batch", operation_id = "enqueueAll", tag = "messages",
    security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses((status = 200, description = "What became of each; those that were accepted are stored.", body = BatchView))
)]
async fn enqueue_all(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
    Extension(trace_id): Extension<TraceId>,
    Json(request): Json<BatchRequest>,
) -> Result<Json<BatchView>, ApiError> {
    let mut sound = Vec::with_capacity(request.messages.len());
    // None: the next of those that are sound.
    let mut refused: Vec<Option<ApiError>> = Vec::with_capacity(request.messages.len());
    for text in &request.messages {
        let message: Result<EnqueueRequest, ApiError> = read(text.get().as_bytes(), "message");
        match message.and_then(|read| read.checked(tenant_id.clone(), trace_id.clone())) {
            Ok(message) => {
                let message_id = api.ids.message().map_err(StoreError::from)?;
                sound.push((message, message_id));
                refused.push(None);
            }
            Err(error) => refused.push(Some(error)),
        }
    }
    let policy = api.queue_policy.clone();
    let stored: Result<Vec<Result<EnqueuedView, ApiError>>, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { store(tx, &policy, sound).await }))
        .await;
    let mut stored = stored?.into_iter();
    let results = refused.into_iter().map(|refused| match refused {
        Some(error) => Err(error),
        None => stored.next().unwrap_or(Err(ApiError::Internal)),
    });
    Ok(Json(BatchView {
        results: results.map(ResultView::from).collect(),
    }))
}

/// Store those that can be; answers each, in their order.
async fn store(
    tx: &mut Tx,
    policy: &queue::Policy,
    messages: Vec<(Enqueue, MessageId)>,
) -> Result<Vec<Result<EnqueuedView, ApiError>>, StoreError> {
    let mut sound = Vec::with_capacity(messages.len());
    let mut refused = Vec::with_capacity(messages.len());
    let mut bots = HashMap::new();
    for (message, id) in messages {
        let error = of_unknown_bot(tx, &message, &mut bots).await?;
        if error.is_none() {
            sound.push((message, id));
        }
        refused.push(error);
    }
    let mut stored = queue::enqueue_all(tx, policy, &sound).await?.into_iter();
    let results = refused.into_iter().map(|refused| match refused {
        Some(error) => Err(error),
        None => match stored.next() {
            Some(stored) => EnqueuedView::of(stored?),
            None => Err(ApiError::Internal),
        },
    });
    Ok(results.collect())
}
