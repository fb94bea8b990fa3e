//! Agents, and the bots whose messages are for them.

use super::query::next_cursor;
use super::{Api, ApiError, ErrorBody, Json, Paging, Path, Query, TenantAdmin};
use crate::domain::{
    AgentKey, AgentModels, BotId, Digest, LimitSet, Pool, Reach, SecretRef, SkillName, Timestamp,
};
use crate::identity::{self, NewBot, WebhookSecret};
use crate::queue;
use crate::store::StoreError;
use crate::workspace::{self, AgentId, AgentProfile, Configure, EngineChoice, WorkspaceError};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(configure_agent))
        .routes(routes!(get_agent))
        .routes(routes!(list_agents))
        .routes(routes!(configure_bot))
}

/// An agent that the path names.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
pub(super) struct OfAgent {
    /// 1 to 64 characters of A-Z, a-z, 0-9, -, _ and .
    #[param(value_type = String)]
    pub(super) agent_key: AgentKey,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct OfBot {
    /// The number before the colon of the bot's token.
    #[param(value_type = String)]
    bot_id: BotId,
}

/// Which engine: `{"name": "openai-chat"}`, the newest of that name, or `{"digest": "..."}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum EngineBody {
    /// The newest of this name: the tenant's own where it has one, else the operator's.
    #[schema(value_type = String)]
    Name(SkillName),
    /// One that the tenant or the operator uploaded.
    #[schema(value_type = String)]
    Digest(Digest),
}

/// What to change of an agent; what is left out stays, or is the default of a new agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentBody {
    /// A new agent needs one.
    engine: Option<EngineBody>,
    /// For example Europe/Rome; of a new agent UTC.
    time_zone: Option<String>,
    /// Settings the engine may read, all of them.
    runtime_config: Option<BTreeMap<String, String>>,
    /// The secrets this agent may name.
    #[schema(value_type = Option<Vec<String>>)]
    secrets_ref: Option<Vec<SecretRef>>,
    /// The models its engine may ask, preferred first.
    #[schema(value_type = Option<Vec<Object>>)]
    models: Option<AgentModels>,
    /// Whose workers run it; only the operator may say.
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// Whether it takes messages.
    enabled: Option<bool>,
    /// What its turns and the calls of its skills may take, by the names of limits, all of it: for example `tool_ms` and
    /// `memory_bytes`. More than the operator allows is no more than that.
    limits: Option<BTreeMap<String, u64>>,
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentView {
    /// Which.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// Grows with each change.
    version: i64,
    /// Whether it takes messages.
    enabled: bool,
    /// Whose workers run it.
    #[schema(value_type = String)]
    pool: Pool,
    /// The engine's name.
    engine: String,
    /// The version of the engine it is pinned to.
    engine_digest: String,
    /// For dates.
    time_zone: String,
    /// Settings the engine may read.
    runtime_config: BTreeMap<String, String>,
    /// The secrets it may name.
    #[schema(value_type = Vec<String>)]
    secrets_ref: Vec<SecretRef>,
    /// The models its engine may ask, preferred first.
    #[schema(value_type = Vec<Object>)]
    models: AgentModels,
    /// What its turns and the calls of its skills may take, where that was said.
    limits: BTreeMap<String, u64>,
    /// Why it waits for a person, where it does.
    held_reason: Option<String>,
    /// When it was made.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = i64)]
    updated_at: Timestamp,
}

impl From<AgentProfile> for AgentView {
    fn from(agent: AgentProfile) -> Self {
        Self {
            agent_key: agent.agent_key,
            version: agent.version,
            enabled: agent.enabled,
            pool: agent.pool,
            engine: agent.engine_name,
            engine_digest: agent.engine.to_string(),
            time_zone: agent.time_zone,
            runtime_config: agent.runtime_config,
            secrets_ref: agent.secrets_ref,
            models: agent.models,
            limits: agent.limits.named(),
            held_reason: agent.held_reason,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}

/// An agent as it is now.
#[derive(Debug, Serialize, ToSchema)]
struct ConfiguredView {
    /// Whether it differs from what was there.
    changed: bool,
    /// The agent.
    agent: AgentView,
}

/// Some of the agents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentPage {
    /// By their keys.
    agents: Vec<AgentView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Make or change an agent. The same again changes nothing; a running turn goes on as it began.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/agents/{agentKey}", operation_id = "configureAgent", tag = "agents",
    params(OfAgent), security(("bearer" = ["tenant-admin", "operator"])), request_body = AgentBody,
    responses(
        (status = 200, description = "It is so now.", body = ConfiguredView),
        (status = 409, description = "There are too many settings, or the pool is fixed.", body = ErrorBody),
    )
)]
async fn configure_agent(
    State(api): State<Api>,
    caller: TenantAdmin,
    Path(OfAgent { agent_key }): Path<OfAgent>,
    Json(body): Json<AgentBody>,
) -> Result<Json<ConfiguredView>, ApiError> {
    if body.pool.is_some() && !caller.is_operator {
        return Err(ApiError::Forbidden("operator, to name a pool"));
    }
    let wanted = Configure {
        engine: body.engine.map(|engine| match engine {
            EngineBody::Name(name) => EngineChoice::Named(name),
            EngineBody::Digest(digest) => EngineChoice::Digest(digest),
        }),
        time_zone: body.time_zone,
        runtime_config: body.runtime_config,
        secrets_ref: body.secrets_ref,
        models: body.models,
        pool: body.pool,
        enabled: body.enabled,
        limits: body
            .limits
            .map(|limits| LimitSet::parse(&limits, Reach::Turn))
            .transpose()?,
    };
    let agent = AgentId {
        tenant_id: caller.tenant_id,
        agent_key,
    };
    let policy = api.queue_policy.clone();
    let done: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                let configured = workspace::agent_configure(tx, &agent, &wanted).await?;
                if wanted.enabled == Some(true) {
                    // A message that met the disabled agent has held it.
                    queue::resume(tx, &policy, &agent.tenant_id, &agent.agent_key).await?;
                }
                Ok(configured)
            })
        })
        .await;
    let (changed, agent) = done?;
    let agent = agent.into();
    Ok(Json(ConfiguredView { changed, agent }))
}

/// Read an agent.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents/{agentKey}", operation_id = "getAgent", tag = "agents",
    params(OfAgent), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "It.", body = AgentView))
)]
async fn get_agent(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfAgent { agent_key }): Path<OfAgent>,
) -> Result<Json<AgentView>, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { workspace::agent(tx, &agent).await }))
        .await;
    let agent = found?.ok_or(ApiError::NotFound("agent"))?;
    Ok(Json(agent.into()))
}

/// List a tenant's agents.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents", operation_id = "listAgents", tag = "agents",
    params(Paging), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = AgentPage))
)]
async fn list_agents(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(paging): Query<Paging>,
) -> Result<Json<AgentPage>, ApiError> {
    let (limit, after) = (paging.limit()?, paging.cursor::<AgentKey>()?);
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let limit = limit.saturating_add(1);
                workspace::agents(tx, &tenant_id, after.as_ref(), limit).await
            })
        })
        .await;
    let mut agents = found?;
    let next_cursor = next_cursor(&mut agents, limit, |agent| agent.agent_key.to_string());
    Ok(Json(AgentPage {
        agents: agents.into_iter().map(AgentView::from).collect(),
        next_cursor,
    }))
}

/// A bot.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BotBody {
    /// The agent its messages are for.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// The secret with its token.
    #[schema(value_type = String)]
    token_ref: SecretRef,
    /// Make a new webhook secret; the one before is unknown from then on.
    #[serde(default)]
    rotate_secret: bool,
}

/// What Telegram's `setWebhook` needs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BotView {
    /// Which.
    #[schema(value_type = String)]
    bot_id: BotId,
    /// Below this server's public address: the `url` of `setWebhook`.
    webhook_path: String,
    /// The `secret_token` of `setWebhook`. Answered once, when it is made; only its hash is stored.
    webhook_secret: Option<String>,
    /// The `allowed_updates` of `setWebhook`.
    allowed_updates: [&'static str; 1],
}

/// Make or change a bot. Its webhook secret is answered when it is made, and never again.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/bots/{botId}", operation_id = "configureBot", tag = "agents",
    params(OfBot), security(("bearer" = ["tenant-admin", "operator"])), request_body = BotBody,
    responses((status = 200, description = "It is so now.", body = BotView))
)]
async fn configure_bot(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfBot { bot_id }): Path<OfBot>,
    Json(body): Json<BotBody>,
) -> Result<Json<BotView>, ApiError> {
    let fresh = WebhookSecret::from_random(api.ids.bytes().map_err(StoreError::from)?);
    let bot = NewBot {
        tenant_id: tenant_id.clone(),
        bot_id: bot_id.clone(),
        agent_key: body.agent_key.clone(),
        token_ref: body.token_ref,
        webhook_secret: fresh.clone(),
    };
    let agent = AgentId {
        tenant_id,
        agent_key: body.agent_key,
    };
    let done: Result<Option<bool>, StoreError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                if workspace::agent(tx, &agent).await?.is_none() {
                    return Ok(None);
                }
                identity::bot_configure(tx, &bot, body.rotate_secret)
                    .await
                    .map(Some)
            })
        })
        .await;
    let made = done?.ok_or(ApiError::NotFound("agent"))?;
    let prefix = api.config.server.path_prefix.as_str();
    Ok(Json(BotView {
        bot_id,
        webhook_path: format!("{prefix}/telegram/webhook"),
        webhook_secret: made.then(|| fresh.reveal().to_owned()),
        allowed_updates: ["message"],
    }))
}
