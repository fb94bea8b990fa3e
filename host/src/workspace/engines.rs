//! Engine adapters by name and version: a tenant's own, and those the operator ships for all.

use super::agents::digest;
use super::error::WorkspaceError;
use crate::artifacts;
use crate::domain::{Digest, SkillName, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};
use bytes::Bytes;

/// Which engine an agent is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// The latest of this name: the tenant's own where it has one, else the operator's.
    Named(SkillName),
    /// This one, which the tenant or the operator uploaded. A digest alone grants nothing.
    Digest(Digest),
}

/// Who an engine is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineOwner {
    /// One tenant.
    Tenant(TenantId),
    /// Every tenant.
    Operator,
}

/// An engine whose component was admitted.
#[derive(Clone, Debug)]
pub struct NewEngine {
    /// Its name.
    pub name: SkillName,
    /// What it is for.
    pub description: String,
    /// The component.
    pub component: Bytes,
}

/// An engine's version, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its name.
    pub name: String,
    /// The operator's.
    pub shared: bool,
    /// Grows with each upload that changes it.
    pub version: i64,
    /// Its component.
    pub digest: Digest,
    /// What it is for.
    pub description: String,
    /// The component, bytes.
    pub size_bytes: i64,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// How many engines are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineBounds {
    /// Engines of one tenant.
    pub engines: u32,
    /// Versions of one engine.
    pub versions: u32,
}

/// Store an engine as the newest version of its name; answers whether it is one, and which. What is the newest already
/// changes nothing. Versions beyond the bound go, the oldest first, but those that an agent uses.
///
/// # Errors
/// As [`WorkspaceError`] says; nothing is changed then.
pub async fn engine_put(
    tx: &mut Tx,
    owner: &EngineOwner,
    engine: &NewEngine,
    bounds: EngineBounds,
) -> Result<(bool, i64), WorkspaceError> {
    let tenant = match owner {
        EngineOwner::Tenant(tenant) => tenant.as_str(),
        EngineOwner::Operator => "",
    };
    // One name for all engines of an owner: they are counted.
    tx.one_at_a_time(&["engine", tenant]).await?;
    if let EngineOwner::Tenant(tenant) = owner {
        tenant_exists(tx, tenant).await?;
    }
    let digest = Digest::of(&engine.component);
    let latest = latest(tx, owner, &engine.name).await?;
    if let Some((version, same)) = &latest
        && *same == digest.to_string()
    {
        return Ok((false, *version));
    }
    if latest.is_none() && count(tx, owner).await? >= i64::from(bounds.engines) {
        return Err(WorkspaceError::TooMany {
            what: "engines".to_owned(),
            max: u64::from(bounds.engines),
            bound: "uploads.engines",
        });
    }
    let now = tx.now().await?;
    artifacts::put(tx, now, &engine.component).await?;
    let version = latest.map_or(1, |(version, _)| version.saturating_add(1));
    insert(tx, owner, engine, version, digest, now).await?;
    prune(tx, owner, &engine.name, version, bounds.versions).await?;
    Ok((true, version))
}

/// The engines a tenant may choose, its own and the operator's, each with every version that is kept, newest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn engines(tx: &mut Tx, tenant_id: &TenantId) -> Result<Vec<Engine>, StoreError> {
    const SQL: &str = "
        SELECT engine_name, 0 AS shared, version, digest, description, size_bytes, created_at
        FROM engines WHERE tenant_id = $1
        UNION ALL
        SELECT engine_name, 1, version, digest, description, size_bytes, created_at FROM shared_engines
        ORDER BY 1, 2, 3 DESC";
    #[derive(sqlx::FromRow)]
    struct Row {
        engine_name: String,
        shared: i32,
        version: i64,
        digest: String,
        description: String,
        size_bytes: i64,
        created_at: Timestamp,
    }
    let rows: Vec<Row> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant_id)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|row| {
            Ok(Engine {
                name: row.engine_name,
                shared: row.shared == 1,
                version: row.version,
                digest: digest(&row.digest)?,
                description: row.description,
                size_bytes: row.size_bytes,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// The name and the digest of what was chosen.
pub(super) async fn engine_chosen(
    tx: &mut Tx,
    tenant_id: &TenantId,
    choice: &EngineChoice,
) -> Result<(String, Digest), WorkspaceError> {
    const NAMED: &str = "
        SELECT engine_name, digest FROM (
            SELECT engine_name, digest, version, 0 AS shared FROM engines WHERE tenant_id = $1 AND engine_name = $2
            UNION ALL
            SELECT engine_name, digest, version, 1 FROM shared_engines WHERE engine_name = $2) AS found
        ORDER BY shared, version DESC LIMIT 1";
    const DIGEST: &str = "
        SELECT engine_name, digest FROM (
            SELECT engine_name, digest, version, 0 AS shared FROM engines WHERE tenant_id = $1 AND digest = $2
            UNION ALL
            SELECT engine_name, digest, version, 1 FROM shared_engines WHERE digest = $2) AS found
        ORDER BY shared, version DESC, engine_name LIMIT 1";
    let (sql, what) = match choice {
        EngineChoice::Named(name) => (NAMED, name.to_string()),
        EngineChoice::Digest(digest) => (DIGEST, digest.to_string()),
    };
    let found: Option<(String, String)> = on_tx!(tx, |conn| sqlx::query_as(sql)
        .bind(tenant_id)
        .bind(&what)
        .fetch_optional(conn)
        .await)
    .map_err(StoreError::from)?;
    let (name, text) = found.ok_or(WorkspaceError::EngineMissing(what))?;
    Ok((name, digest(&text)?))
}

pub(super) async fn tenant_exists(tx: &mut Tx, tenant_id: &TenantId) -> Result<(), WorkspaceError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = $1)";
    let there: bool = on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(tenant_id)
        .fetch_one(conn)
        .await)
    .map_err(StoreError::from)?;
    if there {
        Ok(())
    } else {
        Err(WorkspaceError::TenantMissing(tenant_id.clone()))
    }
}

async fn latest(
    tx: &mut Tx,
    owner: &EngineOwner,
    name: &SkillName,
) -> Result<Option<(i64, String)>, StoreError> {
    const TENANTS: &str = "
        SELECT version, digest FROM engines WHERE tenant_id = $1 AND engine_name = $2
        ORDER BY version DESC LIMIT 1";
    const SHARED: &str = "
        SELECT version, digest FROM shared_engines WHERE engine_name = $1 ORDER BY version DESC LIMIT 1";
    Ok(match owner {
        EngineOwner::Tenant(tenant) => on_tx!(tx, |conn| sqlx::query_as(TENANTS)
            .bind(tenant)
            .bind(name)
            .fetch_optional(conn)
            .await)?,
        EngineOwner::Operator => on_tx!(tx, |conn| sqlx::query_as(SHARED)
            .bind(name)
            .fetch_optional(conn)
            .await)?,
    })
}

async fn count(tx: &mut Tx, owner: &EngineOwner) -> Result<i64, StoreError> {
    const TENANTS: &str = "SELECT COUNT(DISTINCT engine_name) FROM engines WHERE tenant_id = $1";
    const SHARED: &str = "SELECT COUNT(DISTINCT engine_name) FROM shared_engines";
    Ok(match owner {
        EngineOwner::Tenant(tenant) => on_tx!(tx, |conn| sqlx::query_scalar(TENANTS)
            .bind(tenant)
            .fetch_one(conn)
            .await)?,
        EngineOwner::Operator => {
            on_tx!(tx, |conn| sqlx::query_scalar(SHARED).fetch_one(conn).await)?
        }
    })
}

async fn insert(
    tx: &mut Tx,
    owner: &EngineOwner,
    engine: &NewEngine,
    version: i64,
    digest: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    const TENANTS: &str = "
        INSERT INTO engines (engine_name, version, digest, description, size_bytes, created_at, tenant_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    const SHARED: &str = "
        INSERT INTO shared_engines (engine_name, version, digest, description, size_bytes, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let size = i64::try_from(engine.component.len()).unwrap_or(i64::MAX);
    match owner {
        EngineOwner::Tenant(tenant) => on_tx!(tx, |conn| sqlx::query(TENANTS)
            .bind(&engine.name)
            .bind(version)
            .bind(digest.to_string())
            .bind(&engine.description)
            .bind(size)
            .bind(now)
            .bind(tenant)
            .execute(conn)
            .await
            .map(drop))?,
        EngineOwner::Operator => on_tx!(tx, |conn| sqlx::query(SHARED)
            .bind(&engine.name)
            .bind(version)
            .bind(digest.to_string())
            .bind(&engine.description)
            .bind(size)
            .bind(now)
            .execute(conn)
            .await
            .map(drop))?,
    }
    Ok(())
}

async fn prune(
    tx: &mut Tx,
    owner: &EngineOwner,
    name: &SkillName,
    newest: i64,
    keep: u32,
) -> Result<(), StoreError> {
    const TENANTS: &str = "
        DELETE FROM engines WHERE engine_name = $1 AND version <= $2 AND tenant_id = $3
          AND NOT EXISTS (SELECT 1 FROM agent_profiles a
                          WHERE a.tenant_id = engines.tenant_id AND a.engine_digest = engines.digest)";
    const SHARED: &str = "
        DELETE FROM shared_engines WHERE engine_name = $1 AND version <= $2
          AND NOT EXISTS (SELECT 1 FROM agent_profiles a WHERE a.engine_digest = shared_engines.digest)";
    let last = newest.saturating_sub(i64::from(keep));
    match owner {
        EngineOwner::Tenant(tenant) => on_tx!(tx, |conn| sqlx::query(TENANTS)
            .bind(name)
            .bind(last)
            .bind(tenant)
            .execute(conn)
            .await
            .map(drop))?,
        EngineOwner::Operator => on_tx!(tx, |conn| sqlx::query(SHARED)
            .bind(name)
            .bind(last)
            .execute(conn)
            .await
            .map(drop))?,
    }
    Ok(())
}
