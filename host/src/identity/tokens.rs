//! API tokens: who may ask this control plane for what.
//!
//! A token is 256 random bits behind a prefix that tells its scope to the person who finds one in a log. Stored is its
//! SHA-256 only: nothing slower is needed for what cannot be guessed, and the look-up by hash takes no longer for a
//! token that is nearly right. A revoked or expired token is as unknown as one that never was.

use super::tenants::tenant_exists;
use crate::domain::{Digest, Pool, TenantId, Timestamp, TokenId};
use crate::store::{StoreError, Tx, on_tx};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a token opens (design: one scope a token, the narrowest that does).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "scope",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum TokenScope {
    /// Everything but the work of a worker: tenants, tokens, pools.
    Operator,
    /// One tenant's agents, skills, secrets, and all an app may.
    TenantAdmin {
        /// Whose.
        tenant_id: TenantId,
    },
    /// Enqueue, pair and read, for one tenant.
    App {
        /// Whose.
        tenant_id: TenantId,
    },
    /// The work of one pool.
    Worker {
        /// Whose conversations.
        pool: Pool,
    },
}

impl TokenScope {
    /// As it is stored and shown.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::TenantAdmin { .. } => "tenant-admin",
            Self::App { .. } => "app",
            Self::Worker { .. } => "worker",
        }
    }

    const fn letter(&self) -> char {
        match self {
            Self::Operator => 'o',
            Self::TenantAdmin { .. } => 't',
            Self::App { .. } => 'a',
            Self::Worker { .. } => 'w',
        }
    }

    const fn parts(&self) -> (Option<&TenantId>, Option<&Pool>) {
        match self {
            Self::Operator => (None, None),
            Self::TenantAdmin { tenant_id } | Self::App { tenant_id } => (Some(tenant_id), None),
            Self::Worker { pool } => (None, Some(pool)),
        }
    }

    fn from_parts(
        scope: &str,
        tenant_id: Option<TenantId>,
        pool: Option<Pool>,
    ) -> Result<Self, StoreError> {
        match (scope, tenant_id, pool) {
            ("operator", None, None) => Ok(Self::Operator),
            ("tenant-admin", Some(tenant_id), None) => Ok(Self::TenantAdmin { tenant_id }),
            ("app", Some(tenant_id), None) => Ok(Self::App { tenant_id }),
            ("worker", None, Some(pool)) => Ok(Self::Worker { pool }),
            (other, _, _) => Err(StoreError::Corrupt {
                what: "api token",
                reason: format!("its scope is {other}"),
            }),
        }
    }
}

/// The token itself, `aft_<letter of the scope>_<64 hex digits>`. Shown once, when it is made.
#[derive(Clone)]
pub struct ApiToken(String);

/// A text that is no API token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API token is aft_, a letter, _, and 64 hex digits")]
pub struct ApiTokenError;

impl ApiToken {
    /// From random bytes.
    #[must_use]
    pub fn from_random(scope: &TokenScope, bytes: [u8; 32]) -> Self {
        Self(format!("aft_{}_{}", scope.letter(), hex::encode(bytes)))
    }

    /// The token, to be given to whom it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        Digest::of_texts(["api token", &self.0]).to_string()
    }
}

impl FromStr for ApiToken {
    type Err = ApiTokenError;

    fn from_str(text: &str) -> Result<Self, ApiTokenError> {
        let rest = text.strip_prefix("aft_").ok_or(ApiTokenError)?;
        let (letter, random) = rest.split_once('_').ok_or(ApiTokenError)?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let fits = matches!(letter, "o" | "t" | "a" | "w")
            && random.len() == 64
            && random.chars().all(hex);
        fits.then(|| Self(text.to_owned())).ok_or(ApiTokenError)
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ApiToken(..)")
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it opens.
    pub scope: TokenScope,
    /// For people: where it is used.
    pub name: String,
    /// Unknown from then on; none: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a token. Never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Which.
    pub token_id: TokenId,
    /// What it opens.
    pub scope: TokenScope,
    /// For people: where it is used.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Unknown from then on.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The most of a token's name, bytes.
pub const TOKEN_NAME_BYTES_MAX: usize = 200;

/// A token that was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such tenant.
    #[error("there is no tenant {0}; create it first")]
    TenantMissing(TenantId),
    /// A name that is too long.
    #[error("a token's name has at most {TOKEN_NAME_BYTES_MAX} bytes")]
    LongName,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    token_id: TokenId,
    scope: String,
    tenant_id: Option<TenantId>,
    pool: Option<Pool>,
    name: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl TokenRow {
    fn info(self) -> Result<TokenInfo, StoreError> {
        Ok(TokenInfo {
            token_id: self.token_id,
            scope: TokenScope::from_parts(&self.scope, self.tenant_id, self.pool)?,
            name: self.name,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

/// Make a token known.
///
/// # Errors
/// As [`TokenError`] says; nothing is changed then.
pub async fn token_put(
    tx: &mut Tx,
    token_id: &TokenId,
    token: &ApiToken,
    new: &NewToken,
) -> Result<(), TokenError> {
    const SQL: &str = "
        INSERT INTO api_tokens (token_id, token_hash, scope, tenant_id, pool, name, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    if new.name.len() > TOKEN_NAME_BYTES_MAX {
        return Err(TokenError::LongName);
    }
    let (tenant_id, pool) = new.scope.parts();
    if let Some(tenant_id) = tenant_id
        && !tenant_exists(tx, tenant_id).await?
    {
        return Err(TokenError::TenantMissing(tenant_id.clone()));
    }
    let now = tx.now().await?;
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(token_id)
            .bind(token.hash())
            .bind(new.scope.name())
            .bind(tenant_id)
            .bind(pool)
            .bind(&new.name)
            .bind(now)
            .bind(new.expires_at)
            .execute(conn)
            .await
            .map(drop)
    })
    .map_err(StoreError::from)?;
    Ok(())
}

/// What `token` opens; none where it is unknown, revoked or expired.
///
/// # Errors
/// Where the database does not answer.
pub async fn token_by_secret(
    tx: &mut Tx,
    token: &ApiToken,
) -> Result<Option<TokenInfo>, StoreError> {
    const SQL: &str = "
        SELECT token_id, scope, tenant_id, pool, name, created_at, expires_at, revoked_at
        FROM api_tokens
        WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    let now = tx.now().await?;
    let row: Option<TokenRow> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(token.hash())
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    row.map(TokenRow::info).transpose()
}

/// What is known of one token; none where there is no such token.
///
/// # Errors
/// Where the database does not answer.
pub async fn token_by_id(tx: &mut Tx, token_id: &TokenId) -> Result<Option<TokenInfo>, StoreError> {
    const SQL: &str = "
        SELECT token_id, scope, tenant_id, pool, name, created_at, expires_at, revoked_at
        FROM api_tokens WHERE token_id = $1";
    let row: Option<TokenRow> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(token_id)
        .fetch_optional(conn)
        .await)?;
    row.map(TokenRow::info).transpose()
}

/// Tokens, those of `tenant` alone where one is named; newest first, at most `limit`, older than `before` where one is
/// named.
///
/// # Errors
/// Where the database does not answer.
pub async fn tokens(
    tx: &mut Tx,
    tenant: Option<&TenantId>,
    before: Option<&TokenId>,
    limit: u32,
) -> Result<Vec<TokenInfo>, StoreError> {
    const SQL: &str = "
        SELECT token_id, scope, tenant_id, pool, name, created_at, expires_at, revoked_at
        FROM api_tokens
        WHERE (CAST($1 AS TEXT) IS NULL
               OR (created_at, token_id) < (SELECT created_at, token_id FROM api_tokens WHERE token_id = $1))
          AND (CAST($3 AS TEXT) IS NULL OR tenant_id = $3)
        ORDER BY created_at DESC, token_id DESC LIMIT $2";
    let rows: Vec<TokenRow> = on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(before)
        .bind(i64::from(limit))
        .bind(tenant)
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(TokenRow::info).collect()
}

/// Revoke a token, for good; answers whether there is such a token. A second time changes nothing.
///
/// # Errors
/// Where the database does not answer.
pub async fn token_revoke(tx: &mut Tx, token_id: &TokenId) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE api_tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE token_id = $1";
    let now = tx.now().await?;
    Ok(on_tx!(tx, |conn| sqlx::query(SQL)
        .bind(token_id)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() > 0))?)
}

/// Whether a token of the operator's would be accepted now: if not, only who starts the process can make one.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_operator(tx: &mut Tx) -> Result<bool, StoreError> {
    const SQL: &str = "
        SELECT EXISTS (SELECT 1 FROM api_tokens
                       WHERE scope = 'operator' AND revoked_at IS NULL
                         AND (expires_at IS NULL OR expires_at > $1))";
    let now = tx.now().await?;
    Ok(on_tx!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_scope_and_is_not_shown() {
        let token = ApiToken::from_random(&TokenScope::Operator, [7; 32]);
        assert!(token.reveal().starts_with("aft_o_0707"));
        assert_eq!(format!("{token:?}"), "ApiToken(..)");
        assert!(token.reveal().parse::<ApiToken>().is_ok());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let hex = "0".repeat(64);
        for text in [
            "",
            "aft_o_",
            &format!("aft_x_{hex}"),
            &format!("aft_o_{hex}0"),
            &format!("aft_o_{}G", "0".repeat(63)),
            &format!("AFT_o_{hex}"),
        ] {
            assert_eq!(
                text.parse::<ApiToken>().unwrap_err(),
                ApiTokenError,
                "{text}"
            );
        }
    }
}
