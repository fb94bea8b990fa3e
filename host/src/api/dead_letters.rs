//! Messages that were given up: read, put back or thrown away.

use super::progress::Named;
use super::query::next_cursor;
use super::{Api, ApiError, Json, Paging, Path, Query, TenantAdmin};
use crate::domain::{AgentKey, ConversationId, MessageId, Timestamp};
use crate::queue::{self, DeadLetter, DeadLetterPlace, MAX_REPAIR};
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Of one `replayDeadLetters` or `purgeDeadLetters`, where no number is given.
const REPAIR: u32 = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_dead_letters))
        .routes(routes!(replay_dead_letter))
        .routes(routes!(replay_dead_letters))
        .routes(routes!(purge_dead_letter))
        .routes(routes!(purge_dead_letters))
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
    params(Paging), security(("bearer" = ["tenant-admin", "operator"])),
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

/// Put a message that was given up back at the end of its conversation, with all its attempts before it again.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/dead-letters/{messageId}/replay", operation_id = "replayDeadLetter",
    tag = "queue", params(Named), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It waits for its turn."))
)]
async fn replay_dead_letter(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let Named { message_id } = named;
    let replayed: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::redrive(tx, &tenant_id, &message_id).await }))
        .await;
    of_letter(replayed?)
}

/// Throw a message that was given up away. One that comes under its `externalMessageId` later is a new one.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenantId}/dead-letters/{messageId}", operation_id = "purgeDeadLetter",
    tag = "queue", params(Named), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is gone."))
)]
async fn purge_dead_letter(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<Named>,
) -> Result<StatusCode, ApiError> {
    let Named { message_id } = named;
    let purged: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::purge(tx, &tenant_id, &message_id).await }))
        .await;
    of_letter(purged?)
}

const fn of_letter(there: bool) -> Result<StatusCode, ApiError> {
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("dead letter"))
    }
}

/// How many dead letters at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RepairRequest {
    /// At most so many, 1 to 1000, those given up longest ago first; 100 where it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl RepairRequest {
    fn limit(&self) -> Result<u32, ApiError> {
        let limit = self.limit.unwrap_or(REPAIR);
        if (1..=MAX_REPAIR).contains(&limit) {
            Ok(limit)
        } else {
            Err(ApiError::Invalid(format!(
                "limit must be 1 to {MAX_REPAIR} dead letters"
            )))
        }
    }
}

/// What was put back.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayedView {
    /// How many.
    replayed: u64,
}

/// What was thrown away.
#[derive(Debug, Serialize, ToSchema)]
struct PurgedView {
    /// How many.
    purged: u64,
}

/// Put messages that were given up back, each as `replayDeadLetter` does: those of a conversation in the order in which they
/// stood in it. Ask again until it is answered with 0; what is given up again meanwhile comes last.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/dead-letters/replay", operation_id = "replayDeadLetters",
    tag = "queue", security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "They wait for their turns.", body = ReplayedView))
)]
async fn replay_dead_letters(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Json(request): Json<RepairRequest>,
) -> Result<Json<ReplayedView>, ApiError> {
    let limit = request.limit()?;
    let replayed: Result<u64, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::redrive_all(tx, &tenant_id, limit).await }))
        .await;
    let replayed = replayed?;
    Ok(Json(ReplayedView { replayed }))
}

/// Throw messages that were given up away, each as `purgeDeadLetter` does. Ask again until it is answered with 0.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/dead-letters/purge", operation_id = "purgeDeadLetters",
    tag = "queue", security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "They are gone.", body = PurgedView))
)]
async fn purge_dead_letters(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Json(request): Json<RepairRequest>,
) -> Result<Json<PurgedView>, ApiError> {
    let limit = request.limit()?;
    let purged: Result<u64, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::purge_all(tx, &tenant_id, limit).await }))
        .await;
    let purged = purged?;
    Ok(Json(PurgedView { purged }))
}
