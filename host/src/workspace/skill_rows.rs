//! The statements about skills. Differs by necessity between the databases: how a JSON array becomes rows.

use super::agents::AgentId;
use super::skills::{Skill, SkillAsset};
use crate::domain::{Digest, Grants, SkillName, Timestamp, Tool};
use crate::store::{Sql, StoreError, Tx, on_tx};

pub(super) struct SkillRow<'a> {
    pub(super) name: &'a SkillName,
    pub(super) description: &'a str,
    pub(super) manifest_md: &'a str,
    pub(super) component: Option<Digest>,
    pub(super) tools: Option<String>,
    pub(super) grants: String,
    pub(super) limits: String,
    /// Of what is granted; perhaps not of what is stored beside it.
    pub(super) grant: Digest,
    pub(super) files: Digest,
}

/// What tells whether a skill is the same as before.
#[derive(sqlx::FromRow)]
pub(super) struct VersionRow {
    pub(super) version: i64,
    files_digest: Option<String>,
    component_digest: Option<String>,
    tools: Option<String>,
    grants: String,
    limits: String,
    grant_digest: Option<String>,
}

impl VersionRow {
    /// The digest of what is granted, in words of what was stored before there was one.
    pub(super) fn grant(&self) -> Result<Digest, StoreError> {
        match &self.grant_digest {
            Some(granted) => super::agents::digest(granted),
            None => Ok(Grants::digest(
                &self.grants,
                self.component_digest.as_deref(),
            )),
        }
    }

    pub(super) fn is(&self, row: &SkillRow<'_>) -> bool {
        self.files_digest.as_deref() == Some(row.files.to_string().as_str())
            && self.component_digest == row.component.map(|digest| digest.to_string())
            && self.tools == row.tools
            && self.grants == row.grants
            && self.limits == row.limits
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct ListedRow {
    pub(super) skill_key: SkillName,
    pub(super) description: String,
    pub(super) version: i64,
    pub(super) enabled: i64,
    pub(super) component_digest: Option<String>,
    pub(super) tools: Option<String>,
    pub(super) grants: String,
    pub(super) limits: String,
    pub(super) grant_digest: Option<String>,
    pub(super) config: String,
    pub(super) updated_at: Timestamp,
}

/// Every skill's tools, those of switched off skills too.
pub(super) async fn tools(
    tx: &mut Tx,
    agent: &AgentId,
) -> Result<Vec<(SkillName, Vec<Tool>)>, StoreError> {
    const SQL: &str =
        "SELECT skill_key, tools FROM agent_skills WHERE tenant_id = $1 AND agent_key = $2";
    let rows: Vec<(SkillName, Option<String>)> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(name, tools)| {
            let tools = tools.as_deref().unwrap_or("[]");
            let tools = serde_json::from_str(tools).map_err(StoreError::corrupt("tools"))?;
            Ok((name, tools))
        })
        .collect()
}

pub(super) async fn version(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<Option<VersionRow>, StoreError> {
    const SQL: &str = "
        SELECT version, files_digest, component_digest, tools, grants, grant_digest, limits FROM agent_skills
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .fetch_optional(conn)
        .await)?)
}

pub(super) async fn put(
    tx: &mut Tx,
    agent: &AgentId,
    now: Timestamp,
    skill: &SkillRow<'_>,
    version: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO agent_skills (tenant_id, agent_key, skill_key, description, manifest_md, component_digest,
            tools, grants, grant_digest, limits, files_digest, version, config, enabled, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '{}', 1, $13)
        ON CONFLICT (tenant_id, agent_key, skill_key) DO UPDATE SET
            description = excluded.description, manifest_md = excluded.manifest_md,
            component_digest = excluded.component_digest, tools = excluded.tools, grants = excluded.grants,
            grant_digest = excluded.grant_digest, limits = excluded.limits,
            files_digest = excluded.files_digest, version = excluded.version, updated_at = excluded.updated_at";
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(skill.name)
        .bind(skill.description)
        .bind(skill.manifest_md)
        .bind(skill.component.map(|digest| digest.to_string()))
        .bind(&skill.tools)
        .bind(&skill.grants)
        .bind(skill.grant.to_string())
        .bind(&skill.limits)
        .bind(skill.files.to_string())
        .bind(version)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// From now on this is granted.
pub(super) async fn grant(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
    grant: Digest,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE agent_skills SET grant_digest = $4, updated_at = $5
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .bind(grant.to_string())
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// The files of a skill are these and no others: a JSON array of `[path, kind, digest, size]`.
pub(super) async fn assets_replace(
    tx: &mut Tx,
    agent: &AgentId,
    now: Timestamp,
    name: &SkillName,
    assets: &str,
) -> Result<(), StoreError> {
    const CLEAR: &str =
        "DELETE FROM skill_assets WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    const PUT: Sql = Sql {
        sqlite: "
        INSERT INTO skill_assets (tenant_id, agent_key, skill_key, asset_path, kind, digest, size_bytes, updated_at)
        SELECT $1, $2, $3, json_extract(value, '$[0]'), json_extract(value, '$[1]'),
               json_extract(value, '$[2]'), json_extract(value, '$[3]'), $5
        FROM json_each($4)",
        postgres: "
        INSERT INTO skill_assets (tenant_id, agent_key, skill_key, asset_path, kind, digest, size_bytes, updated_at)
        SELECT $1, $2, $3, value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BIGINT), $5
        FROM json_array_elements($4::json) AS value",
    };
    on_tx!(tx, |conn| sqlx::query(CLEAR)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .execute(conn)
        .await
        .map(drop))?;
    let put = tx.sql(PUT);
    on_tx!(tx, |conn| sqlx::query(put)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .bind(assets)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// All skills, or the one of this name.
pub(super) async fn list(
    tx: &mut Tx,
    agent: &AgentId,
    name: Option<&SkillName>,
) -> Result<Vec<Skill>, StoreError> {
    const ALL: &str = "
        SELECT skill_key, description, version, enabled, component_digest, tools, grants, grant_digest, limits, config,
            updated_at
        FROM agent_skills WHERE tenant_id = $1 AND agent_key = $2 ORDER BY skill_key";
    const ONE: &str = "
        SELECT skill_key, description, version, enabled, component_digest, tools, grants, grant_digest, limits, config,
            updated_at
        FROM agent_skills WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    let rows: Vec<ListedRow> = match name {
        None => on_tx!(tx, |conn| sqlx::query_as(ALL)
            .bind(&agent.tenant_id)
            .bind(&agent.agent_key)
            .fetch_all(conn)
            .await)?,
        Some(name) => on_tx!(tx, |conn| sqlx::query_as(ONE)
            .bind(&agent.tenant_id)
            .bind(&agent.agent_key)
            .bind(name)
            .fetch_all(conn)
            .await)?,
    };
    rows.into_iter().map(Skill::from_row).collect()
}

pub(super) async fn manifest(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "
        SELECT manifest_md FROM agent_skills WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .fetch_optional(conn)
        .await)?)
}

pub(super) async fn assets(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<Vec<SkillAsset>, StoreError> {
    const SQL: &str = "
        SELECT asset_path, kind, digest, size_bytes FROM skill_assets
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3 ORDER BY asset_path";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .fetch_all(conn)
        .await)?)
}

pub(super) async fn configure(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
    enabled: bool,
    config: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE agent_skills SET enabled = $4, config = $5, updated_at = $6
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .bind(name)
        .bind(i64::from(enabled))
        .bind(config)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

pub(super) async fn delete(
    tx: &mut Tx,
    agent: &AgentId,
    name: &SkillName,
) -> Result<bool, StoreError> {
    const ASSETS: &str =
        "DELETE FROM skill_assets WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    const SKILL: &str =
        "DELETE FROM agent_skills WHERE tenant_id = $1 AND agent_key = $2 AND skill_key = $3";
    let mut removed = 0;
    for sql in [ASSETS, SKILL] {
        removed = on_tx!(tx, |conn| sqlx::query(sql)
            .bind(&agent.tenant_id)
            .bind(&agent.agent_key)
            .bind(name)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
    }
    Ok(removed > 0)
}
