//! Bytes by SHA-256: components as they were uploaded, and what they were compiled to.
//!
//! What was compiled for one platform is of no use to another, so components that agents have are compiled again, ahead of
//! use, when the platform changes ([`missing`]), and what nobody needs any more is cleared away ([`prune`]).
//!
//! An artifact is stored once for all tenants. To name a digest grants nothing: who may use one is decided by the
//! rows of [`crate::workspace`] and checked by [`may_use`] before a worker gets any byte.

mod admit;
mod rebuild;
mod sweep;

pub use admit::{Admission, AdmitError, Admitted, RebuildError};
pub use rebuild::{
    Failure, KnownPlatform, Missing, Progress, Use, compiled_now, counts, failed, missing,
    platforms, progress, use_platform,
};
pub use sweep::{Swept, prune, prune_superseded};

use crate::domain::{Digest, DigestError, Lease, Timestamp, Tool};
use crate::engine::{CompiledComponent, Platform, Seal};
use crate::store::{Sql, StoreError, Tx, on_tx};

/// What a component was compiled to, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CompiledRow {
    /// `skill` or `engine`.
    pub kind: String,
    /// What it offers, JSON.
    pub tools: String,
    /// What is signed of the two above, in words; empty where they were not signed yet.
    pub description: String,
    /// Over the component's digest, the platform, the description and the bytes.
    pub signature: Vec<u8>,
    /// For wasmtime to map.
    pub bytes: Vec<u8>,
}

fn seal(description: &str, signature: Vec<u8>) -> Option<Seal> {
    Some(Seal {
        description: description.parse().ok()?,
        signature: signature.try_into().ok()?,
    })
}

impl CompiledRow {
    /// As a worker is given it; none where the seal is of an older form, or of none.
    #[must_use]
    pub fn artifact(self, component: Digest, platform: &Platform) -> Option<CompiledComponent> {
        let Platform {
            compatibility,
            target,
        } = platform.clone();
        let seal = seal(&self.description, self.signature)?;
        Some(CompiledComponent {
            component,
            compatibility,
            target,
            description: seal.description,
            signature: seal.signature,
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
    if known && brought_again(tx, now, digest).await? {
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

/// Note that an artifact that is here was brought once more: whoever brings it is about to refer to it, and it must not be
/// cleared away before that. False where it is not here any more.
async fn brought_again(tx: &mut Tx, now: Timestamp, digest: Digest) -> Result<bool, StoreError> {
    const SQL: &str = "
        INSERT INTO artifact_uses (digest, used_at) SELECT digest, $2 FROM artifacts WHERE digest = $1
        ON CONFLICT (digest) DO UPDATE SET used_at = excluded.used_at";
    Ok(on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(digest.to_string())
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?)
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
        SELECT kind, tools, description, signature, bytes FROM compiled_components
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
    /// As [`CompiledRow::description`].
    pub description: String,
    /// Over the whole.
    pub signature: Vec<u8>,
    /// Of the whole, bytes.
    pub size: i64,
    /// Some of it.
    pub bytes: Vec<u8>,
}

impl CompiledPart {
    /// Of the whole; none where it is of an older form, or of none.
    #[must_use]
    pub fn seal(&self) -> Option<Seal> {
        seal(&self.description, self.signature.clone())
    }
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
        SELECT description, signature, length(bytes) AS size, substr(bytes, $4, $5) AS bytes FROM compiled_components
        WHERE digest = $1 AND compatibility = $2 AND target = $3",
        postgres: "
        SELECT description, signature, length(bytes)::bigint AS size, substr(bytes, $4::int, $5::int) AS bytes
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
            (digest, compatibility, target, kind, tools, description, signature, bytes, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (digest, compatibility, target) DO UPDATE SET
            kind = excluded.kind, tools = excluded.tools, description = excluded.description,
            signature = excluded.signature, bytes = excluded.bytes, created_at = excluded.created_at";
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(digest.to_string())
            .bind(&platform.compatibility)
            .bind(&platform.target)
            .bind(&row.kind)
            .bind(&row.tools)
            .bind(&row.description)
            .bind(&row.signature)
            .bind(&row.bytes)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The bytes of an artifact.
///
/// # Errors
/// Where the database does not answer.
pub async fn bytes(tx: &mut Tx, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    const SQL: &str = "SELECT bytes FROM artifacts WHERE digest = $1";
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(digest.to_string())
        .fetch_optional(conn)
        .await)?)
}

/// The tools that a component was last said to have, for any platform.
async fn tools_of(tx: &mut Tx, digest: Digest) -> Result<Option<Vec<Tool>>, StoreError> {
    const SQL: &str = "
        SELECT tools FROM compiled_components WHERE digest = $1 ORDER BY created_at DESC, compatibility LIMIT 1";
    let tools: Option<String> = on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(digest.to_string())
        .fetch_optional(conn)
        .await)?;
    let tools = tools.as_deref().map(serde_json::from_str).transpose();
    tools.map_err(StoreError::corrupt("tools"))
}

fn stored_digest(text: &str) -> Result<Digest, StoreError> {
    text.parse()
        .map_err(|error: DigestError| StoreError::Corrupt {
            what: "a digest",
            reason: error.to_string(),
        })
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
