//! Which components wait to be compiled for a platform, which do not compile for it, and how far that is.
//!
//! A component is wanted while an agent has it, as its engine or in a skill, or while it stands among the engines that agents
//! may be given.

use super::{CompiledRow, put_compiled, stored_digest};
use crate::domain::{AgentKey, Digest, SkillName, TenantId, Timestamp};
use crate::engine::{ComponentKind, Platform};
use crate::store::{StoreError, Tx, on_tx};
use std::time::Duration;

/// Failures that are told of, the latest first.
const FAILURES: i64 = 100;
/// Agents that are named for one failure.
const USES: i64 = 5;

/// Every wanted component, once a reference.
macro_rules! wanted {
    ($rest:literal) => {
        concat!(
            "WITH wanted AS (
                SELECT engine_digest AS digest, 'engine' AS kind, tenant_id, agent_key FROM agent_profiles
                UNION ALL
                SELECT component_digest, 'skill', tenant_id, agent_key FROM agent_skills
                WHERE component_digest IS NOT NULL
                UNION ALL
                SELECT digest, 'engine', NULL, NULL FROM engines
                UNION ALL
                SELECT digest, 'engine', NULL, NULL FROM shared_engines
            ) ",
            $rest
        )
    };
}

/// A component that is wanted and is not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub digest: Digest,
    /// What it is wanted as.
    pub kind: ComponentKind,
}

#[derive(sqlx::FromRow)]
struct MissingRow {
    digest: String,
    kind: String,
}

/// How far the wanted components are compiled for a platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Wanted components.
    pub total: u64,
    /// Of these, compiled.
    pub compiled: u64,
    /// Of these, not compiled, and tried in vain.
    pub failed: u64,
    /// The latest failures.
    pub failures: Vec<Failure>,
}

impl Progress {
    /// Wanted components whose turn has not come yet.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.total
            .saturating_sub(self.compiled)
            .saturating_sub(self.failed)
    }
}

/// A component that does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub digest: Digest,
    /// In one sentence.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The last time.
    pub failed_at: Timestamp,
    /// Some of the agents that have it.
    pub used_by: Vec<Use>,
}

/// A place where a component is used.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Use {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which agent's.
    pub agent_key: AgentKey,
    /// In which skill; none for its engine.
    pub skill_key: Option<SkillName>,
}

#[derive(sqlx::FromRow)]
struct FailureRow {
    digest: String,
    reason: String,
    attempts: i64,
    failed_at: Timestamp,
}

/// A platform that code is kept for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlatform {
    /// Which.
    pub platform: Platform,
    /// When a control plane last led or admitted with it.
    pub used_at: Timestamp,
    /// Components that are compiled for it.
    pub compiled: u64,
}

/// At most `most` wanted components that are not compiled for `platform`, those whose agents were written to last first.
/// One that failed is left out until `again_after` has passed.
///
/// # Errors
/// Where the database does not answer.
pub async fn missing(
    tx: &mut Tx,
    platform: &Platform,
    again_after: Duration,
    most: u32,
) -> Result<Vec<Missing>, StoreError> {
    // Whether there is any is asked first: the order costs a look at every conversation.
    const ANY: &str = wanted!(
        "SELECT EXISTS (SELECT 1 FROM wanted WHERE NOT EXISTS (
            SELECT 1 FROM compiled_components c
            WHERE c.digest = wanted.digest AND c.compatibility = $1 AND c.target = $2)
          AND NOT EXISTS (
            SELECT 1 FROM component_failures f
            WHERE f.digest = wanted.digest AND f.compatibility = $1 AND f.target = $2 AND f.failed_at > $3))"
    );
    const SQL: &str = wanted!(
        "SELECT wanted.digest, wanted.kind FROM wanted
         LEFT JOIN (SELECT tenant_id, agent_key, max(last_available_at) AS used_at FROM conversations
                    GROUP BY tenant_id, agent_key) used
           ON used.tenant_id = wanted.tenant_id AND used.agent_key = wanted.agent_key
         WHERE NOT EXISTS (
            SELECT 1 FROM compiled_components c
            WHERE c.digest = wanted.digest AND c.compatibility = $1 AND c.target = $2)
         AND NOT EXISTS (
            SELECT 1 FROM component_failures f
            WHERE f.digest = wanted.digest AND f.compatibility = $1 AND f.target = $2 AND f.failed_at > $3)
         GROUP BY wanted.digest, wanted.kind
         ORDER BY max(coalesce(used.used_at, 0)) DESC, wanted.digest LIMIT $4"
    );
    let since = tx.now().await?.minus(again_after);
    let any: bool = on_tx!(tx, |conn| sqlx::query_scalar(ANY)
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .bind(since)
        .fetch_one(conn)
        .await)?;
    if !any {
        return Ok(Vec::new());
    }
    let rows: Vec<MissingRow> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .bind(since)
        .bind(i64::from(most))
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|row| {
            let kind = row.kind.parse().map_err(|reason| StoreError::Corrupt {
                what: "a kind",
                reason,
            });
            Ok(Missing {
                digest: stored_digest(&row.digest)?,
                kind: kind?,
            })
        })
        .collect()
}

/// The code is there: stored, and any failure of before forgotten.
///
/// # Errors
/// Where the database does not answer.
pub async fn compiled_now(
    tx: &mut Tx,
    digest: Digest,
    platform: &Platform,
    row: &CompiledRow,
) -> Result<(), StoreError> {
    const FORGET: &str =
        "DELETE FROM component_failures WHERE digest = $1 AND compatibility = $2 AND target = $3";
    let now = tx.now().await?;
    put_compiled(tx, now, digest, platform, row).await?;
    on_tx!(tx, |conn| sqlx::query(FORGET)
        .bind(digest.to_string())
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// It does not compile.
///
/// # Errors
/// Where the database does not answer.
pub async fn failed(
    tx: &mut Tx,
    digest: Digest,
    platform: &Platform,
    reason: &str,
) -> Result<(), StoreError> {
    // Only while it is stored: it may have been cleared away meanwhile.
    const SQL: &str = "
        INSERT INTO component_failures (digest, compatibility, target, reason, attempts, failed_at)
        SELECT digest, $2, $3, $4, 1, $5 FROM artifacts WHERE digest = $1
        ON CONFLICT (digest, compatibility, target) DO UPDATE SET
            reason = excluded.reason, attempts = component_failures.attempts + 1, failed_at = excluded.failed_at";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(digest.to_string())
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .bind(reason)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// How far it is, without the failures.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts(tx: &mut Tx, platform: &Platform) -> Result<Progress, StoreError> {
    const COUNTS: &str = wanted!(
        "SELECT count(*), coalesce(sum(CASE WHEN compiled THEN 1 ELSE 0 END), 0),
                coalesce(sum(CASE WHEN failed AND NOT compiled THEN 1 ELSE 0 END), 0)
         FROM (SELECT digest,
                EXISTS (SELECT 1 FROM compiled_components c
                        WHERE c.digest = d.digest AND c.compatibility = $1 AND c.target = $2) AS compiled,
                EXISTS (SELECT 1 FROM component_failures f
                        WHERE f.digest = d.digest AND f.compatibility = $1 AND f.target = $2) AS failed
               FROM (SELECT DISTINCT digest FROM wanted) d) states"
    );
    let (total, compiled, failed): (i64, i64, i64) = on_tx!(tx, |conn| sqlx::query_as(COUNTS)
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .fetch_one(conn)
        .await)?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Progress {
        total: count(total),
        compiled: count(compiled),
        failed: count(failed),
        failures: Vec::new(),
    })
}

/// How far it is.
///
/// # Errors
/// Where the database does not answer.
pub async fn progress(tx: &mut Tx, platform: &Platform) -> Result<Progress, StoreError> {
    const SQL: &str = wanted!(
        "SELECT digest, reason, attempts, failed_at FROM component_failures f
         WHERE compatibility = $1 AND target = $2
           AND EXISTS (SELECT 1 FROM wanted WHERE wanted.digest = f.digest)
         ORDER BY failed_at DESC, digest LIMIT $3"
    );
    let mut progress = counts(tx, platform).await?;
    let rows: Vec<FailureRow> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .bind(FAILURES)
        .fetch_all(conn)
        .await)?;
    for row in rows {
        progress.failures.push(Failure {
            used_by: uses(tx, &row.digest).await?,
            digest: stored_digest(&row.digest)?,
            reason: row.reason,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            failed_at: row.failed_at,
        });
    }
    Ok(progress)
}

async fn uses(tx: &mut Tx, digest: &str) -> Result<Vec<Use>, StoreError> {
    const SQL: &str = "
        SELECT tenant_id, agent_key, NULL AS skill_key FROM agent_profiles WHERE engine_digest = $1
        UNION ALL
        SELECT tenant_id, agent_key, skill_key FROM agent_skills WHERE component_digest = $1
        ORDER BY 1, 2 LIMIT $2";
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(digest)
        .bind(USES)
        .fetch_all(conn)
        .await)?)
}

/// Code for `platform` is made here: it is kept.
///
/// # Errors
/// Where the database does not answer.
pub async fn use_platform(tx: &mut Tx, platform: &Platform) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO component_platforms (compatibility, target, used_at) VALUES ($1, $2, $3)
        ON CONFLICT (compatibility, target) DO UPDATE SET used_at = excluded.used_at
        WHERE component_platforms.used_at < excluded.used_at";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(&platform.compatibility)
        .bind(&platform.target)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

/// Every platform that code is kept for, the latest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn platforms(tx: &mut Tx) -> Result<Vec<KnownPlatform>, StoreError> {
    const SQL: &str = "
        SELECT compatibility, target, used_at,
               (SELECT count(*) FROM compiled_components c
                WHERE c.compatibility = p.compatibility AND c.target = p.target)
        FROM component_platforms p ORDER BY used_at DESC, compatibility LIMIT 100";
    let rows: Vec<(String, String, Timestamp, i64)> =
        on_tx!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)?;
    Ok(rows
        .into_iter()
        .map(|(compatibility, target, used_at, compiled)| KnownPlatform {
            platform: Platform {
                compatibility,
                target,
            },
            used_at,
            compiled: u64::try_from(compiled).unwrap_or(0),
        })
        .collect())
}
