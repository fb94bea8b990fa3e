//! One document of an agent: put, read, listed and removed by itself.

use super::agents::{self, AgentId};
use super::error::WorkspaceError;
use super::files::FilePath;
use super::folder::Bounds;
use crate::domain::{Digest, DocumentPath, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

/// What becomes of what the agent itself wrote to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It is replaced.
    Always,
    /// It is kept, unless the agent's is what was imported last: the file is one of a workspace that is pushed again.
    UnlessTheAgentWrote,
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentPut {
    /// The document is another one now.
    pub changed: bool,
    /// The agent's own text was kept instead.
    pub kept: bool,
    /// Its version.
    pub version: i64,
}

/// A document without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentInfo {
    /// Where it lies.
    pub path: DocumentPath,
    /// Grows with each change.
    pub version: i64,
    /// Of the text.
    pub hash: String,
    /// The text, characters.
    pub size_chars: i64,
    /// The agent wrote to it since it was put.
    pub by_agent: bool,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    path: DocumentPath,
    version: i64,
    content_hash: String,
    imported_hash: Option<String>,
    size_chars: i64,
    updated_at: Timestamp,
}

impl From<Row> for DocumentInfo {
    fn from(row: Row) -> Self {
        Self {
            path: row.path,
            version: row.version,
            by_agent: row.imported_hash.as_deref() != Some(row.content_hash.as_str()),
            hash: row.content_hash,
            size_chars: row.size_chars,
            updated_at: row.updated_at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    version: i64,
    content_hash: String,
    imported_hash: Option<String>,
}

/// Store a document (`putDocument`). The same text again changes nothing.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn document_put(
    tx: &mut Tx,
    agent: &AgentId,
    bounds: &Bounds,
    path: &DocumentPath,
    content: &str,
    overwrite: Overwrite,
) -> Result<DocumentPut, WorkspaceError> {
    check(bounds, path, content)?;
    agents::lock(tx, agent).await?;
    let stored = stored(tx, agent, path).await?;
    let hash = Digest::of(content.as_bytes()).to_string();
    if let Some(before) = &stored {
        let imported = before.imported_hash.as_deref();
        let file_changed = imported != Some(hash.as_str());
        let agent_wrote = imported != Some(before.content_hash.as_str());
        let unchanged = DocumentPut {
            changed: false,
            kept: false,
            version: before.version,
        };
        match overwrite {
            Overwrite::Always if before.content_hash == hash && !file_changed => {
                return Ok(unchanged);
            }
            Overwrite::UnlessTheAgentWrote if !file_changed => return Ok(unchanged),
            Overwrite::UnlessTheAgentWrote if agent_wrote => {
                let kept = before.content_hash != hash;
                return Ok(DocumentPut { kept, ..unchanged });
            }
            Overwrite::Always | Overwrite::UnlessTheAgentWrote => {}
        }
    } else if count(tx, agent).await? >= i64::from(bounds.documents) {
        return Err(WorkspaceError::TooMany {
            what: "documents".to_owned(),
            max: u64::from(bounds.documents),
            bound: "uploads.documents",
        });
    }
    let changed = stored
        .as_ref()
        .is_none_or(|before| before.content_hash != hash);
    let version = stored.map_or(1, |before| {
        before.version.saturating_add(i64::from(changed))
    });
    write(tx, agent, path, content, &hash, version).await?;
    if changed {
        agents::forget_snapshot(tx, agent).await?;
    }
    Ok(DocumentPut {
        changed,
        kept: false,
        version,
    })
}

/// A document and its text; none where the agent has no such document.
///
/// # Errors
/// Where the database does not answer.
pub async fn document(
    tx: &mut Tx,
    agent: &AgentId,
    path: &DocumentPath,
) -> Result<Option<(DocumentInfo, String)>, StoreError> {
    const INFO: &str = "
        SELECT path, version, content_hash, imported_hash, CAST(length(content) AS BIGINT) AS size_chars, updated_at
        FROM workspace_documents WHERE tenant_id = $1 AND agent_key = $2 AND path = $3";
    const CONTENT: &str = "
        SELECT content FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND path = $3 AND version = $4";
    let row: Option<Row> = on_tx!(tx, |conn| sqlx::query_as(INFO)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(path)
        .fetch_optional(conn)
        .await)?;
    let Some(row) = row else { return Ok(None) };
    let content: Option<String> = on_tx!(tx, |conn| sqlx::query_scalar(CONTENT)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(path)
        .bind(row.version)
        .fetch_optional(conn)
        .await)?;
    Ok(content.map(|content| (row.into(), content)))
}

/// An agent's documents by their paths, at most `limit`, those after `after` where one is named.
///
/// # Errors
/// Where the database does not answer.
pub async fn documents(
    tx: &mut Tx,
    agent: &AgentId,
    after: Option<&DocumentPath>,
    limit: u32,
) -> Result<Vec<DocumentInfo>, StoreError> {
    const SQL: &str = "
        SELECT path, version, content_hash, imported_hash, CAST(length(content) AS BIGINT) AS size_chars, updated_at
        FROM workspace_documents WHERE tenant_id = $1 AND agent_key = $2 AND path > $3 ORDER BY path LIMIT $4";
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(after.map_or("", DocumentPath::as_str))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    Ok(rows.into_iter().map(DocumentInfo::from).collect())
}

/// Remove a document; answers whether there was one.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn document_delete(
    tx: &mut Tx,
    agent: &AgentId,
    path: &DocumentPath,
) -> Result<bool, WorkspaceError> {
    const SQL: &str = "
        DELETE FROM workspace_documents WHERE tenant_id = $1 AND agent_key = $2 AND path = $3";
    agents::lock(tx, agent).await?;
    let removed = on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(path)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
    .map_err(StoreError::from)?;
    if removed > 0 {
        agents::forget_snapshot(tx, agent).await?;
    }
    Ok(removed > 0)
}

fn check(bounds: &Bounds, path: &DocumentPath, content: &str) -> Result<(), WorkspaceError> {
    if path.as_str().parse::<FilePath>().is_err() {
        return Err(WorkspaceError::DocumentPath(path.clone()));
    }
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > bounds.document_bytes {
        return Err(WorkspaceError::TooMany {
            what: format!("bytes of the document {path}"),
            max: bounds.document_bytes,
            bound: "uploads.document_bytes",
        });
    }
    if content.contains('\0') {
        return Err(WorkspaceError::NotText(path.clone()));
    }
    Ok(())
}

async fn stored(
    tx: &mut Tx,
    agent: &AgentId,
    path: &DocumentPath,
) -> Result<Option<Stored>, StoreError> {
    const SQL: &str = "
        SELECT version, content_hash, imported_hash FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND path = $3";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(path)
        .fetch_optional(conn)
        .await)?)
}

/// Those that were put: what the agent writes by itself has bounds of its own.
async fn count(tx: &mut Tx, agent: &AgentId) -> Result<i64, StoreError> {
    const SQL: &str = "
        SELECT COUNT(*) FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND imported_hash IS NOT NULL";
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .fetch_one(conn)
        .await)?)
}

async fn write(
    tx: &mut Tx,
    agent: &AgentId,
    path: &DocumentPath,
    content: &str,
    hash: &str,
    version: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO workspace_documents
            (tenant_id, agent_key, path, content, content_hash, imported_hash, version, updated_at)
        VALUES ($1, $2, $3, $4, $5, $5, $6, $7)
        ON CONFLICT (tenant_id, agent_key, path) DO UPDATE SET
            content = excluded.content, content_hash = excluded.content_hash,
            imported_hash = excluded.imported_hash, version = excluded.version, updated_at = excluded.updated_at";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(path)
        .bind(content)
        .bind(hash)
        .bind(version)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}
