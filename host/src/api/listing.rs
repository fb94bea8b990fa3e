//! A tenant's messages, page by page.

use super::query::{next_cursor, page_cursor, page_limit};
use super::{Api, ApiError, Json, Query, TenantAdmin};
use crate::domain::{ConversationId, MessageId, Timestamp, WorkerId};
use crate::queue::{self, Listed, MessageFilter, MessagePlace};
use crate::store::StoreError;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_messages))
}

/// Which messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ListedStatus {
    /// Those that wait for their turn, by conversation and in its order.
    #[default]
    Queued,
    /// Those that workers have, by conversation.
    Processing,
    /// Those that were answered or cancelled and are still kept, latest first.
    Finished,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Which messages; `queued` where it is left out. Those that were given up are in `listDeadLetters`.
    #[param(inline)]
    status: Option<ListedStatus>,
    /// Of this conversation alone; only of `queued` ones.
    #[param(value_type = Option<String>)]
    conversation_id: Option<ConversationId>,
    /// How many messages at most, 1 to 100; 50 where it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A message in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedView {
    /// Which.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// Its conversation.
    #[schema(value_type = String)]
    conversation_id: ConversationId,
    /// `queued`, `processing`, `done` or `cancelled`.
    status: String,
    /// Attempts that failed.
    attempts: u32,
    /// Of those, workers that were lost.
    crashes: u32,
    /// When it was accepted.
    #[schema(value_type = i64)]
    enqueued_at: Timestamp,
    /// It does not run before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    not_before: Option<Timestamp>,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    worker_id: Option<WorkerId>,
    /// When it was answered or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
}

impl From<Listed> for ListedView {
    fn from(listed: Listed) -> Self {
        Self {
            message_id: listed.message_id,
            conversation_id: listed.conversation_id,
            status: listed.status,
            attempts: listed.attempts,
            crashes: listed.crashes,
            enqueued_at: listed.enqueued_at,
            not_before: listed.not_before,
            worker_id: listed.worker_id,
            finished_at: listed.finished_at,
        }
    }
}

/// Some of the messages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MessagePage {
    /// In the order of their kind.
    messages: Vec<ListedView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List messages that wait, that workers have, or that have finished.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/messages", operation_id = "listMessages", tag = "messages",
    params(Listing), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = MessagePage))
)]
async fn list_messages(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(query): Query<Listing>,
) -> Result<Json<MessagePage>, ApiError> {
    let limit = page_limit(query.limit)?;
    let after: Option<MessagePlace> = page_cursor(query.cursor.as_deref())?;
    let filter = match (query.status.unwrap_or_default(), query.conversation_id) {
        (ListedStatus::Queued, of) => MessageFilter::Queued(of),
        (_, Some(_)) => {
            return Err(ApiError::Invalid(
                "conversationId goes with status=queued only".to_owned(),
            ));
        }
        (ListedStatus::Processing, None) => MessageFilter::Processing,
        (ListedStatus::Finished, None) => MessageFilter::Finished,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                if let MessageFilter::Queued(Some(of)) = &filter
                    && queue::conversation(tx, &tenant_id, of).await?.is_none()
                {
                    return Ok(None);
                }
                let most = limit.saturating_add(1);
                let listed = queue::messages(tx, &tenant_id, &filter, after.as_ref(), most).await?;
                Ok(Some(listed))
            })
        })
        .await;
    let mut listed = found?.ok_or(ApiError::NotFound("conversation"))?;
    let next_cursor = next_cursor(&mut listed, limit, |message| message.place.to_string());
    Ok(Json(MessagePage {
        messages: listed.into_iter().map(ListedView::from).collect(),
        next_cursor,
    }))
}
