//! The statements of hydration. Each names the lease's tenant and agent.

use super::SnapshotSkill;
use crate::domain::{Digest, DocumentPath, Lease, Timestamp};
use crate::store::{StoreError, Tx, on_tx};
use std::collections::BTreeMap;

/// The latest documents of an agent that are read to build a prompt.
const DOCUMENTS_MAX: i64 = 500;

#[derive(sqlx::FromRow)]
pub(super) struct ProfileRow {
    pub(super) time_zone: String,
    engine_digest: String,
    runtime_config: String,
    snapshot_digest: Option<String>,
}

impl ProfileRow {
    pub(super) fn engine(&self) -> Result<Digest, StoreError> {
        digest(&self.engine_digest)
    }

    pub(super) fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        serde_json::from_str(&self.runtime_config).map_err(StoreError::corrupt("runtime config"))
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
        SELECT time_zone, engine_digest, runtime_config, snapshot_digest FROM agent_profiles
        WHERE tenant_id = $1 AND agent_key = $2 AND enabled = 1";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .fetch_optional(conn)
            .await
    })?)
}

/// What a snapshot is made of stays as it is until this transaction has ended: who changes it writes the agent's row
/// too, and waits. Free on SQLite.
pub(super) async fn lock_agent(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    const SQL: &str = "
        SELECT agent_key FROM agent_profiles WHERE tenant_id = $1 AND agent_key = $2 FOR NO KEY UPDATE";
    if tx.is_shared() {
        on_tx!(tx, |conn| {
            sqlx::query(SQL)
                .bind(&lease.tenant_id)
                .bind(&lease.agent_key)
                .execute(conn)
                .await
                .map(drop)
        })?;
    }
    Ok(())
}

pub(super) async fn documents(
    tx: &mut Tx,
    lease: &Lease,
) -> Result<Vec<(DocumentPath, String)>, StoreError> {
    const SQL: &str = "
        SELECT path, content FROM workspace_documents WHERE tenant_id = $1 AND agent_key = $2
        ORDER BY updated_at DESC, path DESC LIMIT $3";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(DOCUMENTS_MAX)
            .fetch_all(conn)
            .await
    })?)
}

pub(super) struct SkillRow {
    pub(super) description: String,
    pub(super) skill: SnapshotSkill,
}

pub(super) async fn skills(tx: &mut Tx, lease: &Lease) -> Result<Vec<SkillRow>, StoreError> {
    const SQL: &str = "
        SELECT skill_key, description, component_digest, tools, grants, config FROM agent_skills
        WHERE tenant_id = $1 AND agent_key = $2 AND enabled = 1 ORDER BY skill_key";
    #[derive(sqlx::FromRow)]
    struct Row {
        skill_key: crate::domain::SkillName,
        description: String,
        component_digest: Option<String>,
        tools: Option<String>,
        grants: String,
        config: String,
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
            let skill = SnapshotSkill {
                name: row.skill_key,
                component: row.component_digest.as_deref().map(digest).transpose()?,
                tools,
                grants: serde_json::from_str(&row.grants).map_err(StoreError::corrupt("grants"))?,
                config: serde_json::from_str(&row.config).map_err(StoreError::corrupt("config"))?,
            };
            Ok(SkillRow {
                description: row.description,
                skill,
            })
        })
        .collect()
}

/// Store a snapshot, make it the agent's current one, and drop the agent's older ones but the latest few: a
/// turn that has just been told an older digest can still fetch it.
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
        ON CONFLICT (tenant_id, digest) DO UPDATE SET built_at = excluded.built_at";
    const POINT: &str = "
        UPDATE agent_profiles SET snapshot_digest = $1 WHERE tenant_id = $2 AND agent_key = $3";
    const PRUNE: &str = "
        DELETE FROM hydration_snapshots
        WHERE tenant_id = $1 AND agent_key = $2 AND digest NOT IN (
            SELECT digest FROM hydration_snapshots WHERE tenant_id = $1 AND agent_key = $2
            ORDER BY built_at DESC LIMIT 8)";
    on_tx!(tx, |conn| {
        sqlx::query(POINT)
            .bind(digest.to_string())
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .execute(conn)
            .await
            .map(drop)
    })?;
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
