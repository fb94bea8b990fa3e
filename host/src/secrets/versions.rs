//! What is known of a secret without its value.

use crate::domain::{SecretRef, TenantId, Timestamp};
use crate::store::{StoreError, Tx, on_tx};

/// One version of a secret. Never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// Counts from 1.
    pub version: u32,
    /// Whether agents are given this one.
    pub active: bool,
    /// When it was imported.
    pub created_at: Timestamp,
}

/// The versions of a name, newest first, at most `limit`; none where there never was one.
///
/// # Errors
/// Where the database does not answer.
pub async fn versions(
    tx: &mut Tx,
    tenant: &TenantId,
    secret_ref: &SecretRef,
    limit: u32,
) -> Result<Vec<SecretVersion>, StoreError> {
    const SQL: &str = "
        SELECT version, active, created_at FROM secrets
        WHERE tenant_id = $1 AND secret_ref = $2 ORDER BY version DESC LIMIT $3";
    let rows: Vec<(i64, i64, Timestamp)> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant)
        .bind(secret_ref)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    let versions = rows
        .into_iter()
        .map(|(version, active, created_at)| SecretVersion {
            version: u32::try_from(version).unwrap_or(u32::MAX),
            active: active == 1,
            created_at,
        });
    Ok(versions.collect())
}

/// Let no version of a name be active any more (`deleteSecret`); answers whether there is such a name. A second time
/// changes nothing.
///
/// # Errors
/// Where the database does not answer.
pub async fn deactivate(
    tx: &mut Tx,
    tenant: &TenantId,
    secret_ref: &SecretRef,
) -> Result<bool, StoreError> {
    const THERE: &str =
        "SELECT EXISTS (SELECT 1 FROM secrets WHERE tenant_id = $1 AND secret_ref = $2)";
    const RETIRE: &str = "
        UPDATE secrets SET active = 0 WHERE tenant_id = $1 AND secret_ref = $2 AND active = 1";
    // An import at the same moment is before or after this, and not half of each.
    tx.one_at_a_time(&["secret", tenant.as_str(), secret_ref.as_str()])
        .await?;
    on_tx!(tx, |conn| sqlx::query(RETIRE)
        .bind(tenant)
        .bind(secret_ref)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(THERE)
        .bind(tenant)
        .bind(secret_ref)
        .fetch_one(conn)
        .await)?)
}
