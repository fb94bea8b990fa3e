//! The statements of hydration. Each names the lease's tenant and agent.

use super::SnapshotSkill;
use crate::domain::{AgentModels, Digest, DocumentPath, Grants, Lease, LimitSet, Timestamp};
use crate::store::{Sql, StoreError, Tx, on_tx};
use std::collections::BTreeMap;

/// Dated notes that are read to build a prompt.
const NOTES_MAX: i64 = 16;

#[derive(sqlx::FromRow)]
pub(super) struct ProfileRow {
    pub(super) time_zone: String,
    engine_digest: String,
    runtime_config: String,
    models: String,
    limits: String,
    tenant_limits: String,
    snapshot_digest: Option<String>,
    pub(super) content_version: i64,
}

impl ProfileRow {
    pub(super) fn engine(&self) -> Result<Digest, StoreError> {
        digest(&self.engine_digest)
    }

    pub(super) fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        serde_json::from_str(&self.runtime_config).map_err(StoreError::corrupt("runtime config"))
    }

    pub(super) fn models(&self) -> Result<AgentModels, StoreError> {
        serde_json::from_str(&self.models).map_err(StoreError::corrupt("models"))
    }

    pub(super) fn limits(&self) -> Result<LimitSet, StoreError> {
        serde_json::from_str(&self.limits).map_err(StoreError::corrupt("limits"))
    }

    pub(super) fn tenant_limits(&self) -> Result<LimitSet, StoreError> {
        serde_json::from_str(&self.tenant_limits).map_err(StoreError::corrupt("limits"))
    }

    pub(super) fn snapshot(&self) -> Result<Option<Digest>, StoreError> {
        self.snapshot_digest.as_deref().map(digest).transpose()
    }
}

fn digest(text: &str) -> Result<Digest, StoreError> {
    text.parse()
        .map_err(|error: crate::domain::DigestError| StoreError::Corrupt {
            what: "digest",
            reason: error.to_string(),
        })
}

pub(super) async fn profile(tx: &mut Tx, lease: &Lease) -> Result<Option<ProfileRow>, StoreError> {
    const SQL: &str = "
        SELECT a.time_zone, a.engine_digest, a.runtime_config, a.models, a.limits, t.limits AS tenant_limits,
               a.snapshot_digest, a.content_version
        FROM agent_profiles a JOIN tenants t ON t.tenant_id = a.tenant_id
        WHERE a.tenant_id = $1 AND a.agent_key = $2 AND a.enabled = 1";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .fetch_optional(conn)
            .await
    })?)
}

/// The documents a prompt is made of, whatever else the agent has: those with a name of OpenClaw's, and the latest
/// dated notes (a path orders by its date).
pub(super) async fn documents(
    tx: &mut Tx,
    lease: &Lease,
) -> Result<Vec<(DocumentPath, String)>, StoreError> {
    const NAMED: &str = "
        SELECT path, content FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND path IN ('AGENTS.md', 'SOUL.md', 'IDENTITY.md',
            'USER.md', 'TOOLS.md', 'BOOTSTRAP.md', 'MEMORY.md')";
    const NOTES: &str = "
        SELECT path, content FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND path >= 'memory/0' AND path < 'memory/:'
        ORDER BY path DESC LIMIT $3";
    let mut documents: Vec<(DocumentPath, String)> = on_tx!(tx, |conn| {
        sqlx::query_as(NAMED)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .fetch_all(conn)
            .await
    })?;
    documents.extend(on_tx!(tx, |conn| {
        sqlx::query_as(NOTES)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(NOTES_MAX)
            .fetch_all(conn)
            .await
    })?);
    Ok(documents)
}

pub(super) struct SkillRow {
    pub(super) description: String,
    pub(super) skill: SnapshotSkill,
}

pub(super) async fn skills(tx: &mut Tx, lease: &Lease) -> Result<Vec<SkillRow>, StoreError> {
    const SQL: &str = "
        SELECT skill_key, description, component_digest, tools, grants, grant_digest, config, limits FROM agent_skills
        WHERE tenant_id = $1 AND agent_key = $2 AND enabled = 1 ORDER BY skill_key";
    #[derive(sqlx::FromRow)]
    struct Row {
        skill_key: crate::domain::SkillName,
        description: String,
        component_digest: Option<String>,
        tools: Option<String>,
        grants: String,
        grant_digest: Option<String>,
        config: String,
        limits: String,
    }
    let rows: Vec<Row> = on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .fetch_all(conn)
            .await
    })?;
    rows.into_iter()
        .map(|row| {
            let tools = match &row.tools {
                Some(tools) => serde_json::from_str(tools).map_err(StoreError::corrupt("tools"))?,
                None => Vec::new(),
            };
            let asked: Grants =
                serde_json::from_str(&row.grants).map_err(StoreError::corrupt("grants"))?;
            // What was granted is what was looked at: another component, or another wish, has nothing.
            let now = Grants::digest(&row.grants, row.component_digest.as_deref());
            let granted = row.grant_digest.as_deref().map(digest).transpose()?;
            let withheld = !asked.is_none() && granted.is_some_and(|granted| granted != now);
            let skill = SnapshotSkill {
                name: row.skill_key,
                component: row.component_digest.as_deref().map(digest).transpose()?,
                tools,
                grants: if withheld { Grants::none() } else { asked },
                withheld,
                config: serde_json::from_str(&row.config).map_err(StoreError::corrupt("config"))?,
                limits: serde_json::from_str(&row.limits).map_err(StoreError::corrupt("limits"))?,
            };
            Ok(SkillRow {
                description: row.description,
                skill,
            })
        })
        .collect()
}

/// Store a snapshot, and drop the agent's older ones but the latest few: a turn that has just been told an older digest
/// can still fetch it.
pub(super) async fn snapshot_put(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
    digest: Digest,
    body: &str,
) -> Result<(), StoreError> {
    const PUT: &str = "
        INSERT INTO hydration_snapshots (tenant_id, digest, agent_key, body, built_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, digest) DO UPDATE SET built_at = excluded.built_at, superseded_at = NULL";
    const PRUNE: &str = "
        DELETE FROM hydration_snapshots
        WHERE tenant_id = $1 AND agent_key = $2 AND digest NOT IN (
            SELECT digest FROM hydration_snapshots WHERE tenant_id = $1 AND agent_key = $2
            ORDER BY built_at DESC LIMIT 8)";
    // Two turns that each drop what the other has just built would wait for each other.
    let (tenant, agent) = (lease.tenant_id.as_str(), lease.agent_key.as_str());
    tx.one_at_a_time(&["snapshot", tenant, agent]).await?;
    on_tx!(tx, |conn| {
        sqlx::query(PUT)
            .bind(&lease.tenant_id)
            .bind(digest.to_string())
            .bind(&lease.agent_key)
            .bind(body)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    on_tx!(tx, |conn| {
        sqlx::query(PRUNE)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Make a snapshot the agent's current one, unless the agent's content is another one by now.
pub(super) async fn snapshot_point(
    tx: &mut Tx,
    lease: &Lease,
    digest: Digest,
    content_version: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE agent_profiles SET snapshot_digest = $1
        WHERE tenant_id = $2 AND agent_key = $3 AND content_version = $4";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(digest.to_string())
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(content_version)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// From now on, the agent's snapshots other than its current one are kept only for turns that know of them.
pub(super) async fn snapshots_supersede(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE hydration_snapshots SET superseded_at = $3
        WHERE tenant_id = $1 AND agent_key = $2 AND superseded_at IS NULL AND digest <> COALESCE((
            SELECT snapshot_digest FROM agent_profiles WHERE tenant_id = $1 AND agent_key = $2), '')";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Forget snapshots superseded before a moment, of any agent; answers how many. The current one of an agent stays,
/// whatever is noted of it: a turn that makes it current again has its row locked.
pub(super) async fn snapshots_prune(
    tx: &mut Tx,
    before: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    const SQL: Sql = Sql {
        sqlite: "
        DELETE FROM hydration_snapshots WHERE (tenant_id, digest) IN (
            SELECT tenant_id, digest FROM hydration_snapshots
            WHERE superseded_at IS NOT NULL AND superseded_at <= $1 ORDER BY superseded_at LIMIT $2)",
        postgres: "
        DELETE FROM hydration_snapshots WHERE (tenant_id, digest) IN (
            SELECT tenant_id, digest FROM hydration_snapshots
            WHERE superseded_at IS NOT NULL AND superseded_at <= $1 ORDER BY superseded_at LIMIT $2
            FOR UPDATE SKIP LOCKED)",
    };
    let statement = tx.sql(SQL);
    Ok(on_tx!(tx, |conn| sqlx::query(statement)
        .bind(before)
        .bind(i64::from(most))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

pub(super) async fn snapshot_body(
    tx: &mut Tx,
    lease: &Lease,
    digest: Digest,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "
        SELECT body FROM hydration_snapshots WHERE tenant_id = $1 AND digest = $2 AND agent_key = $3";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(digest.to_string())
            .bind(&lease.agent_key)
            .fetch_optional(conn)
            .await
    })?)
}
