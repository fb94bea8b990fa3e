//! One agent's profile: put, read and listed by itself.

use super::engines::{self, EngineChoice};
use super::error::WorkspaceError;
use crate::domain::{
    AgentKey, AgentModels, Digest, LimitSet, Pool, SecretRef, TenantId, Timestamp,
};
use crate::store::{Sql, StoreError, Tx, on_tx};
use std::collections::BTreeMap;

/// The most settings of an agent or a skill.
const SETTINGS_MAX: usize = 100;
/// The most bytes of all settings of an agent or a skill together, as JSON.
const SETTINGS_BYTES_MAX: usize = 64 << 10;
/// The most secrets that one agent may name.
const SECRETS_MAX: usize = 100;

/// Whose agent, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentId {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub agent_key: AgentKey,
}

/// What to change of an agent; what is none stays as it is, or is the default of a new agent.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    /// The engine adapter; a new agent needs one.
    pub engine: Option<EngineChoice>,
    /// For dates in the prompt and the names of notes; of a new agent UTC.
    pub time_zone: Option<String>,
    /// Settings the engine may read (`runtimeConfig`).
    pub runtime_config: Option<BTreeMap<String, String>>,
    /// The secrets this agent may name (`secretsRef`).
    pub secrets_ref: Option<Vec<SecretRef>>,
    /// The models its engine may ask, preferred first.
    pub models: Option<AgentModels>,
    /// Whose workers run it; not to be changed once there are conversations.
    pub pool: Option<Pool>,
    /// Whether it takes messages.
    pub enabled: Option<bool>,
    /// What it may take, all of it.
    pub limits: Option<LimitSet>,
}

/// An agent, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProfile {
    /// Which.
    pub agent_key: AgentKey,
    /// Whose workers run it.
    pub pool: Pool,
    /// Grows with each change of this profile.
    pub version: i64,
    /// Whether it takes messages.
    pub enabled: bool,
    /// The engine adapter's name, for people.
    pub engine_name: String,
    /// The engine adapter it is pinned to.
    pub engine: Digest,
    /// For dates.
    pub time_zone: String,
    /// Settings the engine may read.
    pub runtime_config: BTreeMap<String, String>,
    /// The secrets it may name.
    pub secrets_ref: Vec<SecretRef>,
    /// The models its engine may ask, preferred first.
    pub models: AgentModels,
    /// What it may take, where that was said.
    pub limits: LimitSet,
    /// Why it waits for a person, where it does.
    pub held_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    agent_key: AgentKey,
    pool: Pool,
    version: i64,
    enabled: i64,
    engine_name: String,
    engine_digest: String,
    time_zone: String,
    runtime_config: String,
    secrets_ref: String,
    models: String,
    limits: String,
    held_reason: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn profile(self) -> Result<AgentProfile, StoreError> {
        Ok(AgentProfile {
            agent_key: self.agent_key,
            pool: self.pool,
            version: self.version,
            enabled: self.enabled == 1,
            engine_name: self.engine_name,
            engine: digest(&self.engine_digest)?,
            time_zone: self.time_zone,
            runtime_config: serde_json::from_str(&self.runtime_config)
                .map_err(StoreError::corrupt("runtime config"))?,
            secrets_ref: serde_json::from_str(&self.secrets_ref)
                .map_err(StoreError::corrupt("secrets ref"))?,
            models: serde_json::from_str(&self.models).map_err(StoreError::corrupt("models"))?,
            limits: serde_json::from_str(&self.limits).map_err(StoreError::corrupt("limits"))?,
            held_reason: self.held_reason,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Make or change an agent (`configureAgent`); answers whether anything changed, and the agent. A running turn goes on as
/// it began; the next one sees the change.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn agent_configure(
    tx: &mut Tx,
    agent: &AgentId,
    wanted: &Configure,
) -> Result<(bool, AgentProfile), WorkspaceError> {
    // For an agent that is not there yet, no row can be locked.
    let (tenant, key) = (agent.tenant_id.as_str(), agent.agent_key.as_str());
    tx.one_at_a_time(&["agent", tenant, key]).await?;
    engines::tenant_exists(tx, &agent.tenant_id).await?;
    check_settings(wanted.runtime_config.as_ref())?;
    check_secrets(wanted.secrets_ref.as_deref())?;
    if let Some(zone) = &wanted.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(WorkspaceError::TimeZone(zone.clone()));
    }
    let before = locked(tx, agent).await?;
    let engine = match &wanted.engine {
        Some(choice) => Some(engines::engine_chosen(tx, &agent.tenant_id, choice).await?),
        None => None,
    };
    let now = tx.now().await?;
    let Some(before) = before else {
        let needed = || WorkspaceError::EngineNeeded(agent.agent_key.clone());
        let (engine_name, engine) = engine.ok_or_else(needed)?;
        let profile = AgentProfile {
            agent_key: agent.agent_key.clone(),
            pool: wanted.pool.clone().unwrap_or_default(),
            version: 1,
            enabled: wanted.enabled.unwrap_or(true),
            engine_name,
            engine,
            time_zone: wanted.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            runtime_config: wanted.runtime_config.clone().unwrap_or_default(),
            secrets_ref: wanted.secrets_ref.clone().unwrap_or_default(),
            models: wanted.models.clone().unwrap_or_default(),
            limits: wanted.limits.clone().unwrap_or_default(),
            held_reason: None,
            created_at: now,
            updated_at: now,
        };
        insert(tx, agent, &profile).await?;
        return Ok((true, profile));
    };
    let mut after = before.clone();
    if let Some((engine_name, engine)) = engine {
        (after.engine_name, after.engine) = (engine_name, engine);
    }
    let Configure {
        time_zone,
        runtime_config,
        secrets_ref,
        models,
        pool,
        enabled,
        limits,
        engine: _,
    } = wanted.clone();
    after.time_zone = time_zone.unwrap_or(after.time_zone);
    after.runtime_config = runtime_config.unwrap_or(after.runtime_config);
    after.secrets_ref = secrets_ref.unwrap_or(after.secrets_ref);
    after.models = models.unwrap_or(after.models);
    after.pool = pool.unwrap_or(after.pool);
    after.enabled = enabled.unwrap_or(after.enabled);
    after.limits = limits.unwrap_or(after.limits);
    if after == before {
        return Ok((false, before));
    }
    if after.pool != before.pool && has_conversations(tx, agent).await? {
        return Err(WorkspaceError::PoolFixed(agent.agent_key.clone()));
    }
    after.version = after.version.saturating_add(1);
    after.updated_at = now;
    update(tx, agent, &after).await?;
    Ok((true, after))
}

/// An agent; none where the tenant has no such agent.
///
/// # Errors
/// Where the database does not answer.
pub async fn agent(tx: &mut Tx, agent: &AgentId) -> Result<Option<AgentProfile>, StoreError> {
    const SQL: &str = "
        SELECT agent_key, pool, version, enabled, engine_name, engine_digest, time_zone, runtime_config, secrets_ref,
               models, limits, held_reason, created_at, updated_at
        FROM agent_profiles WHERE tenant_id = $1 AND agent_key = $2";
    profile_by(tx, SQL, agent).await
}

/// A tenant's agents by their keys, at most `limit`, those after `after` where one is named.
///
/// # Errors
/// Where the database does not answer.
pub async fn agents(
    tx: &mut Tx,
    tenant_id: &TenantId,
    after: Option<&AgentKey>,
    limit: u32,
) -> Result<Vec<AgentProfile>, StoreError> {
    const SQL: &str = "
        SELECT agent_key, pool, version, enabled, engine_name, engine_digest, time_zone, runtime_config, secrets_ref,
               models, limits, held_reason, created_at, updated_at
        FROM agent_profiles WHERE tenant_id = $1 AND agent_key > $2 ORDER BY agent_key LIMIT $3";
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .bind(after.map_or("", AgentKey::as_str))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Row::profile).collect()
}

/// Lock the agent until the transaction ends. Whatever changes an agent's things begins with this.
pub(super) async fn lock(tx: &mut Tx, agent: &AgentId) -> Result<(), WorkspaceError> {
    let found = locked(tx, agent).await?;
    let missing = || WorkspaceError::AgentMissing(agent.agent_key.clone());
    found.map(drop).ok_or_else(missing)
}

/// Differs by necessity: what another transaction may change is locked before it is read.
const LOCKED: Sql = Sql {
    sqlite: "
        SELECT agent_key, pool, version, enabled, engine_name, engine_digest, time_zone, runtime_config, secrets_ref,
               models, limits, held_reason, created_at, updated_at
        FROM agent_profiles WHERE tenant_id = $1 AND agent_key = $2",
    postgres: "
        SELECT agent_key, pool, version, enabled, engine_name, engine_digest, time_zone, runtime_config, secrets_ref,
               models, limits, held_reason, created_at, updated_at
        FROM agent_profiles WHERE tenant_id = $1 AND agent_key = $2 FOR NO KEY UPDATE",
};

async fn locked(tx: &mut Tx, agent: &AgentId) -> Result<Option<AgentProfile>, StoreError> {
    profile_by(tx, tx.sql(LOCKED), agent).await
}

async fn profile_by(
    tx: &mut Tx,
    sql: &'static str,
    agent: &AgentId,
) -> Result<Option<AgentProfile>, StoreError> {
    let row: Option<Row> = on_tx!(tx, |conn| sqlx::query_as(sql)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .fetch_optional(conn)
        .await)?;
    row.map(Row::profile).transpose()
}

/// An agent of a paused tenant is paused from its first moment. Differs by necessity: the tenant's row is locked, so that a
/// pause at the same moment either is seen here or sees the agent.
const INSERT: Sql = Sql {
    sqlite: "
        INSERT INTO agent_profiles (tenant_id, agent_key, pool, version, enabled, engine_name, engine_digest,
            time_zone, runtime_config, secrets_ref, models, limits, created_at, updated_at, paused)
        SELECT tenant_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13,
            CASE WHEN paused_reason IS NULL THEN 0 ELSE 1 END
        FROM tenants WHERE tenant_id = $1",
    postgres: "
        INSERT INTO agent_profiles (tenant_id, agent_key, pool, version, enabled, engine_name, engine_digest,
            time_zone, runtime_config, secrets_ref, models, limits, created_at, updated_at, paused)
        SELECT tenant_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13,
            CASE WHEN paused_reason IS NULL THEN 0 ELSE 1 END
        FROM tenants WHERE tenant_id = $1 FOR SHARE",
};

async fn insert(tx: &mut Tx, agent: &AgentId, profile: &AgentProfile) -> Result<(), StoreError> {
    put(tx, tx.sql(INSERT), agent, profile).await
}

async fn update(tx: &mut Tx, agent: &AgentId, profile: &AgentProfile) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE agent_profiles SET pool = $3, version = $4, enabled = $5, engine_name = $6, engine_digest = $7,
            time_zone = $8, runtime_config = $9, secrets_ref = $10, models = $11, limits = $12, updated_at = $13,
            snapshot_digest = NULL, content_version = content_version + 1
        WHERE tenant_id = $1 AND agent_key = $2";
    put(tx, SQL, agent, profile).await
}

async fn put(
    tx: &mut Tx,
    sql: &'static str,
    agent: &AgentId,
    profile: &AgentProfile,
) -> Result<(), StoreError> {
    let runtime_config = json(&profile.runtime_config)?;
    let secrets_ref = json(&profile.secrets_ref)?;
    let models = json(&profile.models)?;
    let limits = json(&profile.limits)?;
    on_tx!(tx, |conn| {
        sqlx::query(sql)
            .bind(&agent.tenant_id)
            .bind(&agent.agent_key)
            .bind(&profile.pool)
            .bind(profile.version)
            .bind(i64::from(profile.enabled))
            .bind(&profile.engine_name)
            .bind(profile.engine.to_string())
            .bind(&profile.time_zone)
            .bind(&runtime_config)
            .bind(&secrets_ref)
            .bind(&models)
            .bind(&limits)
            .bind(profile.updated_at)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

async fn has_conversations(tx: &mut Tx, agent: &AgentId) -> Result<bool, StoreError> {
    const SQL: &str = "
        SELECT EXISTS (SELECT 1 FROM conversations WHERE tenant_id = $1 AND agent_key = $2)";
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .fetch_one(conn)
        .await)?)
}

/// The compiled prompt is built anew by the next turn.
pub(super) async fn forget_snapshot(tx: &mut Tx, agent: &AgentId) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE agent_profiles SET snapshot_digest = NULL, content_version = content_version + 1
        WHERE tenant_id = $1 AND agent_key = $2";
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&agent.tenant_id)
        .bind(&agent.agent_key)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// Settings that an engine or a skill may be given.
pub(super) fn check_settings(
    settings: Option<&BTreeMap<String, String>>,
) -> Result<(), WorkspaceError> {
    let Some(settings) = settings else {
        return Ok(());
    };
    let too_many = |what: &str, max: usize, bound: &'static str| WorkspaceError::TooMany {
        what: what.to_owned(),
        max: u64::try_from(max).unwrap_or(u64::MAX),
        bound,
    };
    if settings.len() > SETTINGS_MAX {
        return Err(too_many("settings", SETTINGS_MAX, "settings"));
    }
    if json(settings)?.len() > SETTINGS_BYTES_MAX {
        return Err(too_many("bytes of settings", SETTINGS_BYTES_MAX, "bytes"));
    }
    Ok(())
}

fn check_secrets(secrets: Option<&[SecretRef]>) -> Result<(), WorkspaceError> {
    if secrets.is_some_and(|secrets| secrets.len() > SECRETS_MAX) {
        return Err(WorkspaceError::TooMany {
            what: "secretsRef".to_owned(),
            max: u64::try_from(SECRETS_MAX).unwrap_or(u64::MAX),
            bound: "names",
        });
    }
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt("workspace"))
}

pub(super) fn digest(text: &str) -> Result<Digest, StoreError> {
    text.parse()
        .map_err(|error: crate::domain::DigestError| StoreError::Corrupt {
            what: "digest",
            reason: error.to_string(),
        })
}
