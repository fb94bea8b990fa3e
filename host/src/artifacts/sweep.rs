//! Clearing away what nobody needs any more.

use super::stored_digest;
use crate::domain::{Digest, Timestamp};
use crate::engine::Platform;
use crate::store::{Sql, StoreError, Tx, on_tx};
use crate::telemetry::{Pruned, Tally};
use std::time::Duration;

/// Artifacts in one step, at most: each has megabytes.
const BATCH: u32 = 16;

/// What one step looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Artifacts that were cleared away.
    pub removed: u64,
    /// Where the next step goes on; none at the end.
    pub next: Option<Digest>,
}

macro_rules! unneeded {
    () => {
        "created_at <= $3
            AND NOT EXISTS (SELECT 1 FROM agent_profiles WHERE engine_digest = a.digest)
            AND NOT EXISTS (SELECT 1 FROM agent_skills WHERE component_digest = a.digest)
            AND NOT EXISTS (SELECT 1 FROM skill_assets WHERE digest = a.digest)
            AND NOT EXISTS (SELECT 1 FROM engines WHERE digest = a.digest)
            AND NOT EXISTS (SELECT 1 FROM shared_engines WHERE digest = a.digest)
            AND NOT EXISTS (SELECT 1 FROM artifact_uses WHERE digest = a.digest AND used_at > $3)"
    };
}

/// Lock an artifact, so that nobody refers to it any more, and look again: somebody may have since the first look. Not where
/// somebody is at it right now.
async fn still_unneeded(tx: &mut Tx, digest: &str, before: Timestamp) -> Result<bool, StoreError> {
    const LOCK: &str = "SELECT 1 FROM artifacts WHERE digest = $1 FOR UPDATE SKIP LOCKED";
    const STILL: &str = concat!(
        "SELECT ",
        unneeded!(),
        " FROM artifacts a WHERE digest = $1 AND digest = $2"
    );
    let locked: Option<i32> = on_tx!(tx, |conn| sqlx::query_scalar(LOCK)
        .bind(digest)
        .fetch_optional(conn)
        .await)?;
    if locked.is_none() {
        return Ok(false);
    }
    let still: Option<bool> = on_tx!(tx, |conn| sqlx::query_scalar(STILL)
        .bind(digest)
        .bind(digest)
        .bind(before)
        .fetch_optional(conn)
        .await)?;
    Ok(still.unwrap_or(false))
}

/// Clear away artifacts that nobody has referred to for `unreferenced`, with all that was compiled of them. One step looks at
/// no more than `most` of them, in the order of their digests, behind `after`.
///
/// # Errors
/// Where the database does not answer.
pub async fn prune(
    tx: &mut Tx,
    after: Option<Digest>,
    unreferenced: Duration,
    most: u32,
) -> Result<Swept, StoreError> {
    const LOOK: &str = concat!(
        "SELECT digest, ",
        unneeded!(),
        " FROM artifacts a WHERE digest > $1 ORDER BY digest LIMIT $2"
    );
    const REMOVE: [&str; 4] = [
        "DELETE FROM compiled_components WHERE digest = $1",
        "DELETE FROM component_failures WHERE digest = $1",
        "DELETE FROM artifact_uses WHERE digest = $1",
        "DELETE FROM artifacts WHERE digest = $1",
    ];
    let before = tx.now().await?.minus(unreferenced);
    let after = after.map_or_else(String::new, |digest| digest.to_string());
    let seen: Vec<(String, bool)> = on_tx!(tx, |conn| sqlx::query_as(LOOK)
        .bind(after)
        .bind(i64::from(most))
        .bind(before)
        .fetch_all(conn)
        .await)?;
    let mut next = match seen.last() {
        Some((last, _)) if seen.len() >= usize::try_from(most).unwrap_or(usize::MAX) => {
            Some(stored_digest(last)?)
        }
        _ => None,
    };
    let mut removed = 0;
    for (digest, _) in seen.iter().filter(|(_, unneeded)| *unneeded) {
        if tx.is_shared() && !still_unneeded(tx, digest, before).await? {
            continue;
        }
        for statement in REMOVE {
            on_tx!(tx, |conn| sqlx::query(statement)
                .bind(digest)
                .execute(conn)
                .await
                .map(drop))?;
        }
        removed += 1;
        if removed >= u64::from(BATCH) {
            next = Some(stored_digest(digest)?);
            break;
        }
    }
    tx.tally(Tally::Pruned(Pruned::Artifacts, removed));
    Ok(Swept { removed, next })
}

/// Clear away some of what was compiled for platforms that no control plane has led or admitted with for `unused`, but never
/// for `current`. Answers how much.
///
/// # Errors
/// Where the database does not answer.
pub async fn prune_superseded(
    tx: &mut Tx,
    current: &Platform,
    unused: Duration,
) -> Result<u64, StoreError> {
    const SQL: Sql = Sql {
        sqlite: "
        DELETE FROM compiled_components WHERE (digest, compatibility, target) IN (
            SELECT c.digest, c.compatibility, c.target FROM component_platforms p
            JOIN compiled_components c ON c.compatibility = p.compatibility AND c.target = p.target
            WHERE p.used_at <= $1 AND NOT (p.compatibility = $2 AND p.target = $3) LIMIT $4)",
        postgres: "
        DELETE FROM compiled_components WHERE (digest, compatibility, target) IN (
            SELECT c.digest, c.compatibility, c.target FROM component_platforms p
            JOIN compiled_components c ON c.compatibility = p.compatibility AND c.target = p.target
            WHERE p.used_at <= $1 AND NOT (p.compatibility = $2 AND p.target = $3) LIMIT $4
            FOR UPDATE OF c SKIP LOCKED)",
    };
    // What was compiled before anybody wrote down for whom counts as used now.
    const KNOWN: &str = "
        INSERT INTO component_platforms (compatibility, target, used_at)
        SELECT DISTINCT compatibility, target, $1 FROM compiled_components c
        WHERE NOT EXISTS (SELECT 1 FROM component_platforms p
                          WHERE p.compatibility = c.compatibility AND p.target = c.target)
        ON CONFLICT DO NOTHING";
    const FAILURES: &str = "
        DELETE FROM component_failures WHERE EXISTS (
            SELECT 1 FROM component_platforms p
            WHERE p.compatibility = component_failures.compatibility AND p.target = component_failures.target
              AND p.used_at <= $1 AND NOT (p.compatibility = $2 AND p.target = $3))";
    const PLATFORMS: &str = "
        DELETE FROM component_platforms WHERE used_at <= $1 AND NOT (compatibility = $2 AND target = $3)";
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(KNOWN)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    let before = now.minus(unused);
    let statement = tx.sql(SQL);
    let removed = on_tx!(tx, |conn| sqlx::query(statement)
        .bind(before)
        .bind(&current.compatibility)
        .bind(&current.target)
        .bind(i64::from(BATCH))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if removed < u64::from(BATCH) {
        for statement in [FAILURES, PLATFORMS] {
            on_tx!(tx, |conn| sqlx::query(statement)
                .bind(before)
                .bind(&current.compatibility)
                .bind(&current.target)
                .execute(conn)
                .await
                .map(drop))?;
        }
    }
    tx.tally(Tally::Pruned(Pruned::CompiledComponents, removed));
    Ok(removed)
}
