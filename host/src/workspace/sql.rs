//! The statements of an import. Each answers how many rows it changed, so that an import that changes nothing
//! leaves the compiled prompt in place. Differs by necessity between the databases: how a JSON array becomes rows.

use super::agents::AgentId;
use crate::domain::{Digest, DocumentPath, Pool, TenantId, Timestamp};
use crate::store::{Sql, StoreError, Tx, on_tx};

pub(super) struct Profile<'a> {
    pub(super) pool: &'a Pool,
    pub(super) engine_name: &'a str,
    pub(super) engine_digest: Digest,
    pub(super) time_zone: &'a str,
    pub(super) runtime_config: String,
    pub(super) secrets_ref: String,
    pub(super) models: String,
}

pub(super) async fn tenant_put(
    tx: &mut Tx,
    tenant_id: &TenantId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO tenants (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING";
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(tenant_id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// An agent of a paused tenant is paused from its first moment: the tenant's row is read, and on PostgreSQL locked, so that a
/// pause at the same moment either is seen here or sees the agent.
macro_rules! put_profile {
    ($lock:literal) => {
        concat!(
            "
        INSERT INTO agent_profiles (tenant_id, agent_key, pool, version, enabled, engine_name, engine_digest,
            time_zone, runtime_config, secrets_ref, models, created_at, updated_at, paused)
        SELECT tenant_id, $2, $3, 1, 1, $4, $5, $6, $7, $8, $9, $10, $10,
            CASE WHEN paused_reason IS NULL THEN 0 ELSE 1 END
        FROM tenants WHERE tenant_id = $1 ",
            $lock,
            "
        ON CONFLICT (tenant_id, agent_key) DO UPDATE SET
            pool = excluded.pool, version = agent_profiles.version + 1, engine_name = excluded.engine_name,
            engine_digest = excluded.engine_digest, time_zone = excluded.time_zone,
            runtime_config = excluded.runtime_config, secrets_ref = excluded.secrets_ref,
            models = excluded.models, updated_at = excluded.updated_at
        WHERE agent_profiles.pool <> excluded.pool OR agent_profiles.engine_name <> excluded.engine_name
           OR agent_profiles.engine_digest <> excluded.engine_digest
           OR agent_profiles.time_zone <> excluded.time_zone
           OR agent_profiles.runtime_config <> excluded.runtime_config
           OR agent_profiles.secrets_ref <> excluded.secrets_ref
           OR agent_profiles.models <> excluded.models"
        )
    };
}

pub(super) async fn profile_put(
    tx: &mut Tx,
    whose: &AgentId,
    now: Timestamp,
    profile: &Profile<'_>,
) -> Result<u64, StoreError> {
    const SQL: Sql = Sql {
        sqlite: put_profile!(""),
        postgres: put_profile!("FOR SHARE"),
    };
    let statement = tx.sql(SQL);
    Ok(on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(&whose.tenant_id)
            .bind(&whose.agent_key)
            .bind(profile.pool)
            .bind(profile.engine_name)
            .bind(profile.engine_digest.to_string())
            .bind(profile.time_zone)
            .bind(&profile.runtime_config)
            .bind(&profile.secrets_ref)
            .bind(&profile.models)
            .bind(now)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?)
}

pub(super) async fn document_import(
    tx: &mut Tx,
    whose: &AgentId,
    now: Timestamp,
    path: &DocumentPath,
    content: &str,
    hash: Digest,
) -> Result<u64, StoreError> {
    const SQL: &str = "
        INSERT INTO workspace_documents
            (tenant_id, agent_key, path, content, content_hash, imported_hash, version, updated_at)
        VALUES ($1, $2, $3, $4, $5, $5, 1, $6)
        ON CONFLICT (tenant_id, agent_key, path) DO UPDATE SET
            content = excluded.content, content_hash = excluded.content_hash,
            imported_hash = excluded.imported_hash, version = workspace_documents.version + 1,
            updated_at = excluded.updated_at
        WHERE workspace_documents.imported_hash <> excluded.imported_hash
          AND workspace_documents.imported_hash = workspace_documents.content_hash";
    Ok(on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&whose.tenant_id)
            .bind(&whose.agent_key)
            .bind(path)
            .bind(content)
            .bind(hash.to_string())
            .bind(now)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?)
}

pub(super) async fn documents_remove_others(
    tx: &mut Tx,
    whose: &AgentId,
    paths: &str,
) -> Result<u64, StoreError> {
    const SQL: Sql = Sql {
        sqlite: "
        DELETE FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND imported_hash = content_hash
          AND path NOT IN (SELECT value FROM json_each($3))",
        postgres: "
        DELETE FROM workspace_documents
        WHERE tenant_id = $1 AND agent_key = $2 AND imported_hash = content_hash
          AND path NOT IN (SELECT json_array_elements_text($3::json))",
    };
    let statement = tx.sql(SQL);
    Ok(on_tx!(tx, |conn| {
        sqlx::query(statement)
            .bind(&whose.tenant_id)
            .bind(&whose.agent_key)
            .bind(paths)
            .execute(conn)
            .await
            .map(|done| done.rows_affected())
    })?)
}

/// Documents that both the agent and the folder changed since the last import: the agent's are kept.
/// `files` is a JSON array of `[path, hash]`.
pub(super) async fn documents_kept(
    tx: &mut Tx,
    whose: &AgentId,
    files: &str,
) -> Result<Vec<DocumentPath>, StoreError> {
    const SQL: Sql = Sql {
        sqlite: "
        SELECT document.path
        FROM json_each($3) AS file
        JOIN workspace_documents AS document
          ON document.tenant_id = $1 AND document.agent_key = $2
         AND document.path = json_extract(file.value, '$[0]')
        WHERE document.content_hash <> COALESCE(document.imported_hash, '')
          AND document.content_hash <> json_extract(file.value, '$[1]')
          AND COALESCE(document.imported_hash, '') <> json_extract(file.value, '$[1]')",
        postgres: "
        SELECT document.path
        FROM json_array_elements($3::json) AS file
        JOIN workspace_documents AS document
          ON document.tenant_id = $1 AND document.agent_key = $2 AND document.path = file.value ->> 0
        WHERE document.content_hash <> COALESCE(document.imported_hash, '')
          AND document.content_hash <> file.value ->> 1
          AND COALESCE(document.imported_hash, '') <> file.value ->> 1",
    };
    let statement = tx.sql(SQL);
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(statement)
            .bind(&whose.tenant_id)
            .bind(&whose.agent_key)
            .bind(files)
            .fetch_all(conn)
            .await
    })?)
}

pub(super) async fn skills_remove_others(
    tx: &mut Tx,
    whose: &AgentId,
    names: &str,
) -> Result<u64, StoreError> {
    const ASSETS: Sql = Sql {
        sqlite: "
        DELETE FROM skill_assets
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key NOT IN (SELECT value FROM json_each($3))",
        postgres: "
        DELETE FROM skill_assets
        WHERE tenant_id = $1 AND agent_key = $2
          AND skill_key NOT IN (SELECT json_array_elements_text($3::json))",
    };
    const SKILLS: Sql = Sql {
        sqlite: "
        DELETE FROM agent_skills
        WHERE tenant_id = $1 AND agent_key = $2 AND skill_key NOT IN (SELECT value FROM json_each($3))",
        postgres: "
        DELETE FROM agent_skills
        WHERE tenant_id = $1 AND agent_key = $2
          AND skill_key NOT IN (SELECT json_array_elements_text($3::json))",
    };
    let mut removed = 0;
    for sql in [ASSETS, SKILLS] {
        let sql = tx.sql(sql);
        removed = on_tx!(tx, |conn| {
            sqlx::query(sql)
                .bind(&whose.tenant_id)
                .bind(&whose.agent_key)
                .bind(names)
                .execute(conn)
                .await
                .map(|done| done.rows_affected())
        })?;
    }
    Ok(removed)
}
