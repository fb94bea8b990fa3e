//! What a person does where the queue cannot go on by itself: dead letters, agents that are held.

use super::query::next_cursor;
use super::{Api, ApiError, Json, Paging, Path, Query, TenantAdmin};
use crate::domain::{AgentKey, ConversationId, MessageId, Timestamp};
use crate::queue::{self, DeadLetter, DeadLetterPlace};
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most of a reason to hold an agent, bytes.
const REASON_BYTES_MAX: usize = 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_dead_letters))
        .routes(routes!(replay_dead_letter))
        .routes(routes!(hold_agent))
        .routes(routes!(resume_agent))
}

/// A message that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetterView {
    /// Which.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// Its conversation.
    #[schema(value_type = String)]
    conversation_id: ConversationId,
    /// Who was to answer.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// Attempts that failed.
    attempts: u32,
    /// Of those, workers that were lost.
    crashes: u32,
    /// How the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When it was accepted.
    #[schema(value_type = i64)]
    enqueued_at: Timestamp,
    /// When it was given up.
    #[schema(value_type = i64)]
    dead_at: Timestamp,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            message_id: letter.message_id,
            conversation_id: letter.conversation_id,
            agent_key: letter.agent_key,
            attempts: letter.attempts,
            crashes: letter.crashes,
            last_error: letter.last_error,
            enqueued_at: letter.enqueued_at,
            dead_at: letter.dead_at,
        }
    }
}

/// Some of the dead letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetterPage {
    /// Latest first.
    dead_letters: Vec<DeadLetterView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the messages that were given up, latest first.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/dead-letters", operation_id = "listDeadLetters", tag = "queue",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = DeadLetterPage))
)]
async fn list_dead_letters(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(paging): Query<Paging>,
) -> Result<Json<DeadLetterPage>, ApiError> {
    let (limit, after) = (paging.limit()?, paging.cursor::<DeadLetterPlace>()?);
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                queue::dead_letters(tx, &tenant_id, after.as_ref(), limit.saturating_add(1)).await
            })
        })
        .await;
    let mut letters = found?;
    let next_cursor = next_cursor(&mut letters, limit, |letter| letter.place().to_string());
    Ok(Json(DeadLetterPage {
        dead_letters: letters.into_iter().map(DeadLetterView::from).collect(),
        next_cursor,
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct MessageNamed {
    /// The message.
    #[param(value_type = String)]
    message_id: MessageId,
}

/// Put a message that was given up back at the end of its conversation, with all its attempts before it again.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/dead-letters/{messageId}/replay", operation_id = "replayDeadLetter",
    tag = "queue", security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It waits for its turn."))
)]
async fn replay_dead_letter(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<MessageNamed>,
) -> Result<StatusCode, ApiError> {
    let MessageNamed { message_id } = named;
    let replayed: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::redrive(tx, &tenant_id, &message_id).await }))
        .await;
    if replayed? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("dead letter"))
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct AgentNamed {
    /// The agent.
    #[param(value_type = String)]
    agent_key: AgentKey,
}

/// Why an agent is to wait.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldRequest {
    /// For the person who is to act: 1 to 1024 bytes.
    #[schema(min_length = 1)]
    reason: String,
}

/// Let an agent wait: its messages are kept in order and no attempt is spent until it is resumed. An agent that is held
/// keeps the first reason.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/agents/{agentKey}/hold", operation_id = "holdAgent", tag = "agents",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is held; a turn that runs is finished."))
)]
async fn hold_agent(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<AgentNamed>,
    Json(HoldRequest { reason }): Json<HoldRequest>,
) -> Result<StatusCode, ApiError> {
    let AgentNamed { agent_key } = named;
    if !(1..=REASON_BYTES_MAX).contains(&reason.len()) {
        return Err(ApiError::Invalid(format!(
            "reason must be 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    let held: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { queue::hold_agent(tx, &tenant_id, &agent_key, &reason).await })
        })
        .await;
    of_agent(held?)
}

/// Let an agent that is held go on; nothing changes for one that is not.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/agents/{agentKey}/resume", operation_id = "resumeAgent", tag = "agents",
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It works again."))
)]
async fn resume_agent(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<AgentNamed>,
) -> Result<StatusCode, ApiError> {
    let AgentNamed { agent_key } = named;
    let policy = api.queue_policy.clone();
    let resumed: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { queue::resume(tx, &policy, &tenant_id, &agent_key).await })
        })
        .await;
    of_agent(resumed?)
}

const fn of_agent(there: bool) -> Result<StatusCode, ApiError> {
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("agent"))
    }
}
