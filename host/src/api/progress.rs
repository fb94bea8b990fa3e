//! What became of a message: asked for, or waited for.

use super::{Api, ApiError, App, Json, Path, Query, WAIT_MAX};
use crate::domain::{AgentKey, ConversationId, MessageId, TenantId, Timestamp, WorkerId};
use crate::outbox::{self, Reply, ReplyState};
use crate::queue::{self, FailedAttempt, MessageState, MessageStatus};
use crate::store::{StoreError, Topic};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most failed attempts that are told.
const ATTEMPTS_MAX: u32 = 100;

/// What waits, and so has a lane of its own.
pub(super) fn waiting_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_message))
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusName {
    /// It waits for its turn.
    Queued,
    /// A worker has it.
    Processing,
    /// It was answered.
    Done,
    /// Somebody cancelled it.
    Cancelled,
    /// It was given up; `lastError` says why.
    DeadLetter,
}

impl StatusName {
    pub(super) const fn of(state: &MessageState) -> Self {
        match state {
            MessageState::Queued { .. } => Self::Queued,
            MessageState::Processing => Self::Processing,
            MessageState::Done { .. } => Self::Done,
            MessageState::Cancelled { .. } => Self::Cancelled,
            MessageState::DeadLetter { .. } => Self::DeadLetter,
        }
    }
}

/// What can be said of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MessageView {
    /// Which.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// Its conversation.
    #[schema(value_type = String)]
    conversation_id: ConversationId,
    /// Who answers.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// Where it is.
    status: StatusName,
    /// It does not run before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    not_before: Option<Timestamp>,
    /// It, its agent or its tenant waits for a person, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_reason: Option<String>,
    /// Attempts that failed.
    attempts: u32,
    /// Of those, workers that were lost.
    crashes: u32,
    /// The attempts it has.
    max_attempts: u32,
    /// How the last failed attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// How attempts ended that did not settle it, in order: the first 100.
    failed_attempts: Vec<AttemptView>,
    /// When it was accepted.
    #[schema(value_type = i64)]
    enqueued_at: Timestamp,
    /// When it was answered, cancelled or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    /// In order; none before it is done.
    replies: Vec<ReplyView>,
}

/// An attempt that did not settle its message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttemptView {
    /// From 1; begins anew where the message is replayed.
    attempt: i64,
    /// `failed`, or `crashed`: its worker was lost.
    outcome: String,
    /// How it failed.
    error: String,
    /// Whose it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    worker_id: Option<WorkerId>,
    /// When it ended.
    #[schema(value_type = i64)]
    ended_at: Timestamp,
}

impl From<FailedAttempt> for AttemptView {
    fn from(attempt: FailedAttempt) -> Self {
        Self {
            attempt: attempt.attempt,
            outcome: attempt.outcome,
            error: attempt.error,
            worker_id: attempt.worker_id,
            ended_at: attempt.ended_at,
        }
    }
}

/// Where a reply is on its way.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReplyStatus {
    /// It is to be sent.
    Pending,
    /// It arrived, or is here to be read.
    Delivered,
    /// It was given up; `lastError` says why.
    Failed,
}

/// One reply to a message, or a part of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReplyView {
    /// Markdown.
    text: String,
    /// Where it is.
    status: ReplyStatus,
    /// Attempts to deliver it that failed.
    attempts: u32,
    /// How the last of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When the turn that made it completed.
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<Reply> for ReplyView {
    fn from(reply: Reply) -> Self {
        Self {
            text: reply.body,
            status: match reply.state {
                ReplyState::Pending => ReplyStatus::Pending,
                ReplyState::Delivered { .. } => ReplyStatus::Delivered,
                ReplyState::Failed { .. } => ReplyStatus::Failed,
            },
            attempts: reply.attempts,
            last_error: reply.last_error,
            created_at: reply.created_at,
        }
    }
}

fn view(message_id: MessageId, found: Found) -> MessageView {
    let Found {
        status,
        replies,
        attempts,
    } = found;
    let name = StatusName::of(&status.state);
    let (not_before, held_reason, finished_at) = match status.state {
        MessageState::Queued { not_before, held } => (not_before, held, None),
        MessageState::Processing => (None, None, None),
        MessageState::Done { at }
        | MessageState::Cancelled { at }
        | MessageState::DeadLetter { at } => (None, None, Some(at)),
    };
    MessageView {
        message_id,
        conversation_id: status.conversation_id,
        agent_key: status.agent_key,
        status: name,
        not_before,
        held_reason,
        attempts: status.attempts,
        crashes: status.crashes,
        max_attempts: status.max_attempts,
        last_error: status.last_error,
        failed_attempts: attempts.into_iter().map(AttemptView::from).collect(),
        enqueued_at: status.enqueued_at,
        finished_at,
        replies: replies.into_iter().map(ReplyView::from).collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
pub(super) struct Named {
    /// The message.
    #[param(value_type = String)]
    pub(super) message_id: MessageId,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wait {
    /// Wait up to so many milliseconds, 0 to 30000, until the message is done, cancelled or given up, or waits for a person.
    #[param(minimum = 0, maximum = 30000)]
    wait_ms: Option<u64>,
}

/// Where a message is, and the replies to it. With `waitMs`, answers once there is something to say, or the time is
/// over.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/messages/{messageId}", operation_id = "getMessage", tag = "messages",
    params(Named, Wait), security(("bearer" = ["app", "tenant-admin", "operator"])),
    responses((status = 200, description = "Where it is.", body = MessageView))
)]
async fn get_message(
    State(api): State<Api>,
    App { tenant_id, .. }: App,
    Path(named): Path<Named>,
    Query(query): Query<Wait>,
) -> Result<Json<MessageView>, ApiError> {
    let Wait { wait_ms } = query;
    let Named { message_id } = named;
    let wait = Duration::from_millis(wait_ms.unwrap_or(0));
    if wait > WAIT_MAX {
        return Err(ApiError::Invalid(format!(
            "waitMs must be 0 to {} milliseconds",
            WAIT_MAX.as_millis()
        )));
    }
    let poll = Duration::from_millis(api.config.queue.poll_ms);
    let deadline = Instant::now() + wait;
    // Before the first look, so that nothing is missed in between.
    let mut settled = api.db.signals().listen(Topic::Settled);
    loop {
        let found = look(&api, &tenant_id, &message_id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if is_settled(&found.status.state) || left.is_zero() || api.closing.is_cancelled() {
            return Ok(Json(view(message_id, found)));
        }
        // Another process may settle it; what is not heard of is found by looking again.
        let changed = settled.changed(left.min(poll));
        api.closing.run_until_cancelled(changed).await;
    }
}

const fn is_settled(state: &MessageState) -> bool {
    match state {
        MessageState::Queued { held, .. } => held.is_some(),
        MessageState::Processing => false,
        MessageState::Done { .. }
        | MessageState::Cancelled { .. }
        | MessageState::DeadLetter { .. } => true,
    }
}

/// What is known of a message.
struct Found {
    status: MessageStatus,
    replies: Vec<Reply>,
    attempts: Vec<FailedAttempt>,
}

async fn look(api: &Api, tenant_id: &TenantId, message_id: &MessageId) -> Result<Found, ApiError> {
    let (tenant_id, message_id) = (tenant_id.clone(), message_id.clone());
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let status = queue::message_status(tx, &tenant_id, &message_id).await?;
                let Some(status) = status else {
                    return Ok(None);
                };
                Ok(Some(Found {
                    status,
                    replies: outbox::replies_of(tx, &tenant_id, &message_id).await?,
                    attempts: queue::failed_attempts(tx, &tenant_id, &message_id, ATTEMPTS_MAX)
                        .await?,
                }))
            })
        })
        .await;
    found?.ok_or(ApiError::NotFound("message"))
}
