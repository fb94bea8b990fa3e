//! Secrets in the database, sealed.

use super::{KeyId, MasterKey, NONCE_BYTES, OpenError, SealError, SealedSecret, SecretPlace};
use crate::domain::{SecretRef, TenantId};
use crate::store::{StoreError, Tx, on_tx};
use secrecy::SecretString;

/// A secret that could not be stored or read. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It could not be sealed.
    #[error("store the secret {secret_ref}: {source}")]
    Seal {
        /// Which.
        secret_ref: SecretRef,
        /// Why not.
        source: SealError,
    },
    /// It is stored, and does not open.
    #[error("read the secret {secret_ref}: {source}")]
    Open {
        /// Which.
        secret_ref: SecretRef,
        /// Why not.
        source: OpenError,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Store `value` as the new version of a name (`importSecret`); answers the version. The one before is
/// no longer active.
///
/// # Errors
/// A value that is too long, or the database.
pub async fn import(
    tx: &mut Tx,
    key: &MasterKey,
    tenant: &TenantId,
    secret_ref: &SecretRef,
    value: &SecretString,
    nonce: [u8; NONCE_BYTES],
) -> Result<u32, SecretError> {
    const LAST: &str = "
        SELECT COALESCE(MAX(version), 0) FROM secrets WHERE tenant_id = $1 AND secret_ref = $2";
    const RETIRE: &str = "
        UPDATE secrets SET active = 0 WHERE tenant_id = $1 AND secret_ref = $2 AND active = 1";
    const PUT: &str = "
        INSERT INTO secrets (tenant_id, secret_ref, version, active, key_id, nonce, ciphertext, created_at)
        VALUES ($1, $2, $3, 1, $4, $5, $6, $7)";
    tx.one_at_a_time(&["secret", tenant.as_str(), secret_ref.as_str()])
        .await?;
    let last: i64 = on_tx!(tx, |conn| {
        sqlx::query_scalar(LAST)
            .bind(tenant)
            .bind(secret_ref)
            .fetch_one(conn)
            .await
    })
    .map_err(StoreError::from)?;
    let version = u32::try_from(last.saturating_add(1)).unwrap_or(u32::MAX);
    let place = SecretPlace {
        tenant,
        secret_ref,
        version,
    };
    let sealed = key
        .seal(place, value, nonce)
        .map_err(|source| SecretError::Seal {
            secret_ref: secret_ref.clone(),
            source,
        })?;
    let now = tx.now().await?;
    on_tx!(tx, |conn| sqlx::query(RETIRE)
        .bind(tenant)
        .bind(secret_ref)
        .execute(conn)
        .await
        .map(drop))
    .map_err(StoreError::from)?;
    on_tx!(tx, |conn| {
        sqlx::query(PUT)
            .bind(tenant)
            .bind(secret_ref)
            .bind(i64::from(version))
            .bind(sealed.key_id.to_string())
            .bind(&sealed.nonce[..])
            .bind(&sealed.ciphertext)
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })
    .map_err(StoreError::from)?;
    Ok(version)
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    key_id: String,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// The active value of a name; none where there is none.
///
/// # Errors
/// A value that does not open under this key, or the database.
pub async fn active(
    tx: &mut Tx,
    key: &MasterKey,
    tenant: &TenantId,
    secret_ref: &SecretRef,
) -> Result<Option<SecretString>, SecretError> {
    const SQL: &str = "
        SELECT version, key_id, nonce, ciphertext FROM secrets
        WHERE tenant_id = $1 AND secret_ref = $2 AND active = 1";
    let row: Option<Row> = on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(tenant)
            .bind(secret_ref)
            .fetch_optional(conn)
            .await
    })
    .map_err(StoreError::from)?;
    let Some(row) = row else { return Ok(None) };
    let version = u32::try_from(row.version).unwrap_or(u32::MAX);
    let sealed = sealed(row)?;
    key.open(
        SecretPlace {
            tenant,
            secret_ref,
            version,
        },
        &sealed,
    )
    .map(Some)
    .map_err(|source| SecretError::Open {
        secret_ref: secret_ref.clone(),
        source,
    })
}

fn sealed(row: Row) -> Result<SealedSecret, StoreError> {
    let corrupt = |reason: &str| StoreError::Corrupt {
        what: "secret",
        reason: reason.to_owned(),
    };
    let mut key_id = [0; 8];
    hex::decode_to_slice(&row.key_id, &mut key_id).map_err(|_| corrupt("its key id is not hex"))?;
    let nonce = row
        .nonce
        .try_into()
        .map_err(|_| corrupt("its nonce has another length"))?;
    Ok(SealedSecret {
        key_id: KeyId::from_bytes(key_id),
        nonce,
        ciphertext: row.ciphertext,
    })
}
