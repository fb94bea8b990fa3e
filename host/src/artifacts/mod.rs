//! Bytes by SHA-256: components as they were uploaded, and what they were compiled to.
//!
//! An artifact is stored once for all tenants. To name a digest grants nothing: who may use one is decided by the
//! rows of [`crate::workspace`] and checked by [`may_use`] before a worker gets any byte.

mod admit;

pub use admit::{Admission, AdmitError, Admitted};

use crate::domain::{Digest, Lease, Timestamp};
use crate::engine::{CompiledComponent, Platform};
use crate::store::{Sql, StoreError, Tx, on_tx};

/// What a component was compiled to, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CompiledRow {
    /// `skill` or `engine`.
    pub kind: String,
    /// What it offers, JSON.
    pub tools: String,
    /// Over the component's digest, the platform and the bytes.
    pub signature: Vec<u8>,
    /// For wasmtime to map.
    pub bytes: Vec<u8>,
}

impl CompiledRow {
    /// As a worker is given it; none where the signature has another length than any has.
    #[must_use]
    pub fn artifact(self, component: Digest, platform: &Platform) -> Option<CompiledComponent> {
        let Platform {
            compatibility,
            target,
        } = platform.clone();
        let signature = self.signature.try_into().ok()?;
        Some(CompiledComponent {
            component,
            compatibility,
            target,
            signature,
            bytes: self.bytes,
        })
    }
}

/// Store `bytes`; they may be there already, and are not sent to the database again then.
///
/// # Errors
/// Where the database does not answer.
pub async fn put(tx: &mut Tx, now: Timestamp, bytes: &[u8]) -> Result<Digest, StoreError> {
    const SQL: &str = "
        INSERT INTO artifacts (digest, size_bytes, bytes, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (digest) DO NOTHING";
    const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM artifacts WHERE digest = $1)";
    let digest = Digest::of(bytes);
    let known: bool = on_tx!(tx, |conn| sqlx::query_scalar(KNOWN)
        .bind(digest.to_string())
        .fetch_one(conn)
        .await)?;
    if known {
        return Ok(digest);
    }
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(digest.to_string())
            .bind(size)
            .bind(bytes)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(digest)
}

/// What `digest` was compiled to for one platform.
///
/// # Errors
/// Where the database does not answer.
pub async fn compiled(
    tx: &mut Tx,
    digest: Digest,
    platform: &Platform,
) -> Result<Option<CompiledRow>, StoreError> {
    const SQL: &str = "
        SELECT kind, tools, signature, bytes FROM compiled_components
        WHERE digest = $1 AND compatibility = $2 AND target = $3";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(digest.to_string())
            .bind(&platform.compatibility)
            .bind(&platform.target)
            .fetch_optional(conn)
            .await
    })?)
}

/// A part of what a component was compiled to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CompiledPart {
    /// Over the whole.
    pub signature: Vec<u8>,
    /// Of the whole, bytes.
    pub size: i64,
    /// Some of it.
    pub bytes: Vec<u8>,
}

/// What `digest` was compiled to for one platform, from `offset` on and at most `most` bytes of it. The rest is not read
/// into memory.
///
/// # Errors
/// Where the database does not answer.
pub async fn compiled_part(
    tx: &mut Tx,
    digest: Digest,
    platform: &Platform,
    offset: u64,
    most: u64,
) -> Result<Option<CompiledPart>, StoreError> {
    // Differs by necessity: the type of the numbers that `substr` takes.
    const SQL: Sql = Sql {
        sqlite: "
        SELECT signature, length(bytes) AS size, substr(bytes, $4, $5) AS bytes FROM compiled_components
        WHERE digest = $1 AND compatibility = $2 AND target = $3",
        postgres: "
        SELECT signature, length(bytes)::bigint AS size, substr(bytes, $4::int, $5::int) AS bytes
        FROM compiled_components WHERE digest = $1 AND compatibility = $2 AND target = $3",
    };
    // Both count from 1, and no stored value has more bytes than an `int` can count.
    let from = i64::from(i32::try_from(offset.saturating_add(1)).unwrap_or(i32::MAX));
    let most = i64::from(i32::try_from(most).unwrap_or(i32::MAX)).min(i64::from(i32::MAX) - from);
    let statement = tx.sql(SQL);
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(statement)
            .bind(digest.to_string())
            .bind(&platform.compatibility)
            .bind(&platform.target)
            .bind(from)
            .bind(most)
            .fetch_optional(conn)
            .await
    })?)
}

/// Store what `digest` was compiled to, over what was there: a newly signed artifact replaces an older one.
///
/// # Errors
/// Where the database does not answer, or the component itself is not stored.
pub async fn put_compiled(
    tx: &mut Tx,
    now: Timestamp,
    digest: Digest,
    platform: &Platform,
    row: &CompiledRow,
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO compiled_components
            (digest, compatibility, target, kind, tools, signature, bytes, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (digest, compatibility, target) DO UPDATE SET
            kind = excluded.kind, tools = excluded.tools, signature = excluded.signature, bytes = excluded.bytes, created_at = excluded.created_at";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(digest.to_string())
            .bind(&platform.compatibility)
            .bind(&platform.target)
            .bind(&row.kind)
            .bind(&row.tools)
            .bind(&row.signature)
            .bind(&row.bytes)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Whether the lease's agent has `digest` as its engine or as the component of an enabled skill.
///
/// # Errors
/// Where the database does not answer.
pub async fn may_use(tx: &mut Tx, lease: &Lease, digest: Digest) -> Result<bool, StoreError> {
    const SQL: &str = "
        SELECT EXISTS (SELECT 1 FROM agent_profiles
                       WHERE tenant_id = $1 AND agent_key = $2 AND engine_digest = $3)
            OR EXISTS (SELECT 1 FROM agent_skills
                       WHERE tenant_id = $1 AND agent_key = $2 AND component_digest = $3 AND enabled = 1)";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(digest.to_string())
            .fetch_one(conn)
            .await
    })?)
}
