//! Receipts of a tenant's invocations, page by page, and what a day's came to.

use super::query::{page_cursor, page_limit};
use super::{Api, ApiError, Json, Query, TenantAdmin};
use crate::domain::{
    AgentKey, Invocation, LimitExceeded, MessageId, ModelUsage, ReceiptLine, ReceiptOutcome,
    SkillName, Timestamp,
};
use crate::state::receipts::{self, ReceiptFilter, ReceiptPlace, StoredReceipt};
use crate::store::StoreError;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_receipts))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Of this message; then with what each invocation logged.
    #[param(value_type = Option<String>)]
    message_id: Option<MessageId>,
    /// Of this agent.
    #[param(value_type = Option<String>)]
    agent_key: Option<AgentKey>,
    /// Of calls of this skill's tools.
    #[param(value_type = Option<String>)]
    skill: Option<SkillName>,
    /// `ok`, `guest_error`, `trap`, `exhausted` or `cancelled`.
    #[param(value_type = Option<String>)]
    outcome: Option<ReceiptOutcome>,
    /// How many receipts at most, 1 to 100; 50 where it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// What one invocation cost.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReceiptView {
    /// The message it was for.
    message_id: String,
    /// Grows with each attempt at the message.
    attempt_fence: i64,
    /// Whose turn it was.
    #[schema(value_type = String)]
    agent_key: AgentKey,
    /// When it was stored.
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// `kind` is `engine`, `tool` (with `skill` and `tool`) or `model` (with `api` and `model`).
    #[schema(value_type = Object)]
    invocation: Invocation,
    /// The component that ran, or that asked the model: its SHA-256.
    component: String,
    /// `ok`, `guest_error`, `trap`, `exhausted` or `cancelled`.
    #[schema(value_type = String)]
    outcome: ReceiptOutcome,
    /// The limit that ended it, and what was allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    ended_by: Option<LimitExceeded>,
    /// Limits it was over that did not end it: what it asked for was refused, cut or dropped.
    #[schema(value_type = Vec<Object>)]
    limits_met: Vec<LimitExceeded>,
    /// Wall clock, microseconds.
    duration_us: u64,
    /// Time on a processor, microseconds.
    cpu_us: u64,
    /// The most linear memory held at once, bytes.
    memory_peak_bytes: u64,
    /// How often the guest called the host.
    host_calls: u32,
    /// What it logged, where a message was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    log: Option<Vec<ReceiptLine>>,
    /// Lines it logged that are kept.
    log_lines: usize,
    /// Lines beyond the bound, dropped.
    log_dropped: u32,
    /// Of a request to a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    usage: Option<ModelUsage>,
}

impl ReceiptView {
    fn of(stored: StoredReceipt, with_log: bool) -> Self {
        let receipt = stored.receipt;
        Self {
            message_id: stored.place.message_id().to_owned(),
            attempt_fence: stored.place.fence(),
            agent_key: stored.agent_key,
            created_at: stored.created_at,
            invocation: receipt.invocation,
            component: receipt.component.to_string(),
            outcome: receipt.outcome,
            ended_by: receipt.ended_by,
            limits_met: receipt.limits_met,
            duration_us: receipt.duration_us,
            cpu_us: receipt.cpu_us,
            memory_peak_bytes: receipt.memory_peak_bytes,
            host_calls: receipt.host_calls,
            log_lines: receipt.log.len(),
            log: with_log.then_some(receipt.log),
            log_dropped: receipt.log_dropped,
            usage: receipt.usage,
        }
    }
}

/// Some of the receipts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReceiptPage {
    /// Latest first.
    receipts: Vec<ReceiptView>,
    /// Where the next page begins; none on the last. A page can have fewer receipts than were asked for, even none, and not be
    /// the last: only so many are looked at for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List what each invocation of a component, and each request to a model, cost, latest first. Receipts are kept for a while;
/// what they came to is in `getUsage`.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/receipts", operation_id = "listReceipts", tag = "messages",
    params(Listing), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = ReceiptPage))
)]
async fn list_receipts(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Query(query): Query<Listing>,
) -> Result<Json<ReceiptPage>, ApiError> {
    let limit = page_limit(query.limit)?;
    let after: Option<ReceiptPlace> = page_cursor(query.cursor.as_deref())?;
    let with_log = query.message_id.is_some();
    let filter = ReceiptFilter {
        message_id: query.message_id,
        agent_key: query.agent_key,
        skill: query.skill,
        outcome: query.outcome,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(
                async move { receipts::list(tx, &tenant_id, &filter, after.as_ref(), limit).await },
            )
        })
        .await;
    let (listed, next) = found?;
    let view = |stored| ReceiptView::of(stored, with_log);
    Ok(Json(ReceiptPage {
        receipts: listed.into_iter().map(view).collect(),
        next_cursor: next.map(|place| place.to_string()),
    }))
}
