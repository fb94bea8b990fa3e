//! What a person lets wait, and lets go on: agents, conversations, whole tenants. Messages come in meanwhile and keep their
//! order, and no attempt is spent.

use super::{Api, ApiError, Json, Operator, Path, TenantAdmin};
use crate::domain::{AgentKey, ConversationId, TenantId};
use crate::queue;
use crate::store::StoreError;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most of a reason, bytes.
const REASON_BYTES_MAX: usize = 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(hold_agent))
        .routes(routes!(resume_agent))
        .routes(routes!(pause_conversation))
        .routes(routes!(resume_conversation))
        .routes(routes!(pause_tenant))
        .routes(routes!(resume_tenant))
}

/// Why something is to wait.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    /// For the person who is to act: 1 to 1024 bytes.
    #[schema(min_length = 1)]
    reason: String,
}

impl ReasonRequest {
    fn checked(self) -> Result<String, ApiError> {
        if (1..=REASON_BYTES_MAX).contains(&self.reason.len()) {
            Ok(self.reason)
        } else {
            Err(ApiError::Invalid(format!(
                "reason must be 1 to {REASON_BYTES_MAX} bytes"
            )))
        }
    }
}

const fn done(there: bool, what: &'static str) -> Result<StatusCode, ApiError> {
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound(what))
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

/// Let an agent wait: its messages are kept in order and no attempt is spent until it is resumed. An agent that is held
/// keeps the first reason.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/agents/{agentKey}/hold", operation_id = "holdAgent", tag = "agents",
    params(AgentNamed), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is held; a turn that runs is finished."))
)]
async fn hold_agent(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<AgentNamed>,
    Json(request): Json<ReasonRequest>,
) -> Result<StatusCode, ApiError> {
    let AgentNamed { agent_key } = named;
    let reason = request.checked()?;
    let held: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { queue::hold_agent(tx, &tenant_id, &agent_key, &reason).await })
        })
        .await;
    done(held?, "agent")
}

/// Let an agent that is held go on; nothing changes for one that is not.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/agents/{agentKey}/resume", operation_id = "resumeAgent", tag = "agents",
    params(AgentNamed), security(("bearer" = ["tenant-admin", "operator"])),
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
    done(resumed?, "agent")
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct ConversationNamed {
    /// The conversation.
    #[param(value_type = String)]
    conversation_id: ConversationId,
}

/// Let one conversation wait, the agent's others go on. One that is paused keeps the first reason.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/conversations/{conversationId}/pause", operation_id = "pauseConversation",
    tag = "queue", params(ConversationNamed), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is paused; a turn that runs is finished."))
)]
async fn pause_conversation(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<ConversationNamed>,
    Json(request): Json<ReasonRequest>,
) -> Result<StatusCode, ApiError> {
    let ConversationNamed { conversation_id } = named;
    let reason = request.checked()?;
    let paused: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                queue::pause_conversation(tx, &tenant_id, &conversation_id, &reason).await
            })
        })
        .await;
    done(paused?, "conversation")
}

/// Let a paused conversation go on; nothing changes for one that is not.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/conversations/{conversationId}/resume",
    operation_id = "resumeConversation", tag = "queue", params(ConversationNamed),
    security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It goes on, unless its agent or its tenant waits too."))
)]
async fn resume_conversation(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(named): Path<ConversationNamed>,
) -> Result<StatusCode, ApiError> {
    let ConversationNamed { conversation_id } = named;
    let resumed: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(
                async move { queue::resume_conversation(tx, &tenant_id, &conversation_id).await },
            )
        })
        .await;
    done(resumed?, "conversation")
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct TenantNamed {
    /// The tenant.
    #[param(value_type = String)]
    tenant_id: TenantId,
}

/// Let a whole tenant wait, agents that are made meanwhile too. One that is paused keeps the first reason.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/pause", operation_id = "pauseTenant", tag = "tenants",
    params(TenantNamed), security(("bearer" = ["operator"])),
    responses((status = 204, description = "It is paused; turns that run are finished."))
)]
async fn pause_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<TenantNamed>,
    Json(request): Json<ReasonRequest>,
) -> Result<StatusCode, ApiError> {
    let TenantNamed { tenant_id } = named;
    let reason = request.checked()?;
    let paused: Result<bool, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { queue::pause_tenant(tx, &tenant_id, &reason).await })
        })
        .await;
    done(paused?, "tenant")
}

/// Let a paused tenant go on; nothing changes for one that is not.
#[utoipa::path(
    post, path = "/v1/tenants/{tenantId}/resume", operation_id = "resumeTenant", tag = "tenants",
    params(TenantNamed), security(("bearer" = ["operator"])),
    responses((status = 204, description = "It goes on; its held agents and paused conversations wait on."))
)]
async fn resume_tenant(
    State(api): State<Api>,
    _: Operator,
    Path(named): Path<TenantNamed>,
) -> Result<StatusCode, ApiError> {
    let TenantNamed { tenant_id } = named;
    let resumed: Result<bool, StoreError> = api
        .db
        .write(move |tx| Box::pin(async move { queue::resume_tenant(tx, &tenant_id).await }))
        .await;
    done(resumed?, "tenant")
}
