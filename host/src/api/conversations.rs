//! What was said in a conversation.

use super::query::page_limit;
use super::{Api, ApiError, App, Json, Path, Query};
use crate::domain::{AgentKey, ConversationId, MessageId, Part, Role, Timestamp};
use crate::queue;
use crate::state::history::{self, Entry};
use crate::store::StoreError;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most of one page of history as it is stored, bytes; a single message that is larger is a page.
const PAGE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_conversation))
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RoleName {
    /// The person; tool results too.
    User,
    /// The model.
    Assistant,
}

/// A piece of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum PartView {
    /// Words.
    Text {
        /// As they were said.
        text: String,
    },
    /// Something attached; its bytes are not shown here.
    #[serde(rename_all = "camelCase")]
    File {
        /// A name to show.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// As in `Content-Type`.
        media_type: String,
        /// Its bytes.
        size_bytes: u64,
    },
    /// The model asked for a tool.
    #[serde(rename_all = "camelCase")]
    ToolRequest {
        /// The model's own id of the call.
        id: String,
        /// `skill__tool`.
        name: String,
        /// As the model wrote them.
        arguments: String,
    },
    /// The tool answered.
    ToolResult {
        /// The request's id.
        id: String,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A model's own block, which says nothing to others.
    Opaque,
}

impl From<Part> for PartView {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text },
            Part::File(file) => Self::File {
                size_bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
                name: file.name,
                media_type: file.media_type,
            },
            Part::ToolRequest(request) => Self::ToolRequest {
                id: request.id,
                name: request.name,
                arguments: request.arguments,
            },
            Part::ToolResult(result) => Self::ToolResult {
                ok: result.outcome.is_ok(),
                id: result.id,
            },
            Part::Opaque(_) => Self::Opaque,
        }
    }
}

/// One entry of the history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    /// Its place, counted from 1.
    position: u64,
    /// The message whose turn wrote it.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// Who speaks.
    role: RoleName,
    /// In order.
    parts: Vec<PartView>,
    /// When the turn completed.
    #[schema(value_type = i64)]
    at: Timestamp,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            position: entry.position,
            message_id: entry.message_id,
            role: match entry.role {
                Role::User => RoleName::User,
                Role::Assistant => RoleName::Assistant,
            },
            parts: entry.parts.into_iter().map(PartView::from).collect(),
            at: entry.at,
        }
    }
}

/// A conversation, with some of its history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConversationView {
    /// Which.
    #[schema(value_type = String)]
    conversation_id: ConversationId,
    /// Who answers in it.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// `idle`, `waiting`, `ready`, `leased` or `held`.
    state: String,
    /// Why it waits, where somebody paused it; its agent or its tenant may wait besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    /// When its first message came.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// What was said, latest first.
    messages: Vec<EntryView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct Named {
    /// The conversation.
    #[param(value_type = String)]
    conversation_id: ConversationId,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryPaging {
    /// How many entries at most, 1 to 100; 50 where it is left out. A page of long ones has fewer.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<u64>,
}

/// What was said in a conversation, latest first.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/conversations/{conversationId}", operation_id = "getConversation",
    tag = "messages", params(Named, HistoryPaging), security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses((status = 200, description = "A page of it.", body = ConversationView))
)]
async fn get_conversation(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
    Path(named): Path<Named>,
    Query(query): Query<HistoryPaging>,
) -> Result<Json<ConversationView>, ApiError> {
    let HistoryPaging { limit, cursor } = query;
    let Named { conversation_id } = named;
    let limit = page_limit(limit)?;
    let named = conversation_id.clone();
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let Some(conversation) = queue::conversation(tx, &tenant_id, &named).await? else {
                    return Ok(None);
                };
                let page = history::Page {
                    before: cursor,
                    limit,
                    bytes: PAGE_BYTES_MAX,
                };
                let page = history::page(tx, &tenant_id, &named, &page).await?;
                Ok(Some((conversation, page)))
            })
        })
        .await;
    let (conversation, entries) = found?.ok_or(ApiError::NotFound("conversation"))?;
    // The entry with the first place is the last of the last page.
    let next_cursor = entries
        .last()
        .filter(|entry| entry.position > 1)
        .map(|entry| entry.position.to_string());
    Ok(Json(ConversationView {
        conversation_id,
        agent_key: conversation.agent_key,
        state: conversation.state,
        paused_reason: conversation.paused_reason,
        created_at: conversation.created_at,
        messages: entries.into_iter().map(EntryView::from).collect(),
        next_cursor,
    }))
}
