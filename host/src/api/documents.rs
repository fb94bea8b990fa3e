//! An agent's documents, as plain text: `curl -T SOUL.md .../documents/SOUL.md`.

use super::agents::OfAgent;
use super::query::next_cursor;
use super::{Api, ApiError, ErrorBody, Json, Paging, Path, Query, TenantAdmin};
use crate::domain::{AgentKey, DocumentPath, Timestamp};
use crate::store::StoreError;
use crate::workspace::{self, AgentId, DocumentInfo, Overwrite, WorkspaceError};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(put_document))
        .routes(routes!(get_document))
        .routes(routes!(list_documents))
        .routes(routes!(delete_document))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Path)]
struct OfDocument {
    /// The agent.
    #[param(value_type = String)]
    agent_key: AgentKey,
    /// For example `SOUL.md`, or `memory%2F2026-11-22.md`.
    #[param(value_type = String)]
    path: DocumentPath,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct How {
    /// Keep what the agent itself wrote to the document since it was put.
    #[serde(default)]
    keep_agents: bool,
}

/// What a put did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PutView {
    /// The document differs from what was there.
    changed: bool,
    /// The agent's own text was kept instead.
    kept: bool,
    /// Its version.
    version: i64,
}

/// A document without its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DocumentView {
    /// Where it lies.
    #[schema(value_type = String)]
    path: DocumentPath,
    /// Grows with each change.
    version: i64,
    /// The text's SHA-256.
    digest: String,
    /// The text, characters.
    size_chars: i64,
    /// The agent wrote to it since it was put.
    by_agent: bool,
    /// When it was changed last.
    #[schema(value_type = i64)]
    updated_at: Timestamp,
}

impl From<DocumentInfo> for DocumentView {
    fn from(document: DocumentInfo) -> Self {
        Self {
            path: document.path,
            version: document.version,
            digest: document.hash,
            size_chars: document.size_chars,
            by_agent: document.by_agent,
            updated_at: document.updated_at,
        }
    }
}

/// Some of the documents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DocumentPage {
    /// By their paths.
    documents: Vec<DocumentView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Store a document as it is in the body. The same text again changes nothing.
#[utoipa::path(
    put, path = "/v1/tenants/{tenantId}/agents/{agentKey}/documents/{path}", operation_id = "putDocument",
    tag = "documents", params(OfDocument, How), security(("bearer" = ["tenant-admin", "operator"])),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, description = "It is stored.", body = PutView),
        (status = 409, description = "The agent has too many.", body = ErrorBody),
    )
)]
async fn put_document(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfDocument { agent_key, path }): Path<OfDocument>,
    Query(How { keep_agents }): Query<How>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<PutView>, ApiError> {
    let text = String::from_utf8(body?.into())
        .map_err(|_| ApiError::Invalid(format!("the document {path} must be UTF-8 text")))?;
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let overwrite = if keep_agents {
        Overwrite::UnlessTheAgentWrote
    } else {
        Overwrite::Always
    };
    let bounds = api.uploads().bounds();
    let put: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move {
                workspace::document_put(tx, &agent, &bounds, &path, &text, overwrite).await
            })
        })
        .await;
    let put = put?;
    Ok(Json(PutView {
        changed: put.changed,
        kept: put.kept,
        version: put.version,
    }))
}

/// Read a document's text.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents/{agentKey}/documents/{path}", operation_id = "getDocument",
    tag = "documents", params(OfDocument), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "Its text.", content_type = "text/plain", body = String))
)]
async fn get_document(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfDocument { agent_key, path }): Path<OfDocument>,
) -> Result<impl IntoResponse, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| Box::pin(async move { workspace::document(tx, &agent, &path).await }))
        .await;
    let (_, text) = found?.ok_or(ApiError::NotFound("document"))?;
    // Whatever the text, no browser is to take it for a page of this address.
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, text))
}

/// List an agent's documents.
#[utoipa::path(
    get, path = "/v1/tenants/{tenantId}/agents/{agentKey}/documents", operation_id = "listDocuments",
    tag = "documents", params(OfAgent, Paging), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 200, description = "A page of them.", body = DocumentPage))
)]
async fn list_documents(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfAgent { agent_key }): Path<OfAgent>,
    Query(paging): Query<Paging>,
) -> Result<Json<DocumentPage>, ApiError> {
    let (limit, after) = (paging.limit()?, paging.cursor::<DocumentPath>()?);
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let found: Result<_, StoreError> = api
        .db
        .read(move |tx| {
            Box::pin(async move {
                let known = workspace::agent(tx, &agent).await?.is_some();
                let limit = limit.saturating_add(1);
                let found = workspace::documents(tx, &agent, after.as_ref(), limit).await?;
                Ok((known, found))
            })
        })
        .await;
    let (known, mut documents) = found?;
    if !known {
        return Err(ApiError::NotFound("agent"));
    }
    let next_cursor = next_cursor(&mut documents, limit, |document| document.path.to_string());
    Ok(Json(DocumentPage {
        documents: documents.into_iter().map(DocumentView::from).collect(),
        next_cursor,
    }))
}

/// Remove a document.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenantId}/agents/{agentKey}/documents/{path}", operation_id = "deleteDocument",
    tag = "documents", params(OfDocument), security(("bearer" = ["tenant-admin", "operator"])),
    responses((status = 204, description = "It is gone."))
)]
async fn delete_document(
    State(api): State<Api>,
    TenantAdmin { tenant_id, .. }: TenantAdmin,
    Path(OfDocument { agent_key, path }): Path<OfDocument>,
) -> Result<StatusCode, ApiError> {
    let agent = AgentId {
        tenant_id,
        agent_key,
    };
    let done: Result<_, WorkspaceError> = api
        .db
        .write(move |tx| {
            Box::pin(async move { workspace::document_delete(tx, &agent, &path).await })
        })
        .await;
    if done? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("document"))
    }
}
