//! Bots: found by the secret token their webhook carries.
//!
//! The token is a secret that the operator or `dev` makes at random and gives to Telegram with `setWebhook`. Stored
//! is its SHA-256 only, so that who reads the database cannot forge an update; the look-up by hash also takes no
//! longer for a token that is nearly right.

use crate::domain::{AgentKey, BotId, Digest, Pool, SecretRef, TenantId};
use crate::store::{StoreError, Tx, on_tx};
use std::fmt;
use std::str::FromStr;

/// What `X-Telegram-Bot-Api-Secret-Token` carries: 1 to 256 of `A-Z a-z 0-9 _ -` (the Bot API's rule). At least 16
/// here: shorter can be guessed.
#[derive(Clone)]
pub struct WebhookSecret(String);

/// A text that is no secret token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret token is 16 to 256 characters of A-Z, a-z, 0-9, _ and -")]
pub struct WebhookSecretError;

impl WebhookSecret {
    /// From random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The token, to be given to Telegram.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_texts(["telegram webhook secret", &self.0])
    }
}

impl FromStr for WebhookSecret {
    type Err = WebhookSecretError;

    fn from_str(text: &str) -> Result<Self, WebhookSecretError> {
        let accepts = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if (16..=256).contains(&text.len()) && text.chars().all(accepts) {
            return Ok(Self(text.to_owned()));
        }
        Err(WebhookSecretError)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WebhookSecret(..)")
    }
}

/// A bot, found.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Bot {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub bot_id: BotId,
    /// The agent its messages are for.
    pub agent_key: AgentKey,
    /// The agent's pool.
    pub pool: Pool,
}

/// A bot to store.
#[derive(Clone, Debug)]
pub struct NewBot {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub bot_id: BotId,
    /// The agent its messages are for.
    pub agent_key: AgentKey,
    /// The secret with its token.
    pub token_ref: SecretRef,
    /// What its webhook carries.
    pub webhook_secret: WebhookSecret,
}

/// The enabled bot whose webhook carries `secret`.
///
/// # Errors
/// Where the database does not answer.
pub async fn bot_by_secret(tx: &mut Tx, secret: &WebhookSecret) -> Result<Option<Bot>, StoreError> {
    const SQL: &str = "
        SELECT bots.tenant_id, bots.bot_id, bots.agent_key, agent_profiles.pool
        FROM bots JOIN agent_profiles USING (tenant_id, agent_key)
        WHERE bots.webhook_secret_hash = $1 AND bots.enabled = 1";
    let hash = secret.hash().to_string();
    Ok(on_tx!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash)
        .fetch_optional(conn)
        .await)?)
}

/// Store a bot, over what was stored of it.
///
/// # Errors
/// Where the database does not answer, or another bot carries the same secret.
pub async fn bot_put(tx: &mut Tx, bot: &NewBot) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO bots (tenant_id, bot_id, agent_key, token_ref, webhook_secret_hash, enabled, created_at)
        VALUES ($1, $2, $3, $4, $5, 1, $6)
        ON CONFLICT (tenant_id, bot_id) DO UPDATE SET
            agent_key = excluded.agent_key, token_ref = excluded.token_ref,
            webhook_secret_hash = excluded.webhook_secret_hash, enabled = 1";
    let now = tx.now().await?;
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&bot.tenant_id)
            .bind(&bot.bot_id)
            .bind(&bot.agent_key)
            .bind(&bot.token_ref)
            .bind(bot.webhook_secret.hash().to_string())
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Make or change a bot, keeping the webhook secret it has unless another one is asked for; answers whether `bot`'s is its
/// secret from now on.
///
/// # Errors
/// Where the database does not answer.
pub async fn bot_configure(tx: &mut Tx, bot: &NewBot, rotate: bool) -> Result<bool, StoreError> {
    const KEEP: &str = "
        UPDATE bots SET agent_key = $3, token_ref = $4, enabled = 1 WHERE tenant_id = $1 AND bot_id = $2";
    tx.one_at_a_time(&["bot", bot.tenant_id.as_str(), bot.bot_id.as_str()])
        .await?;
    let kept = !rotate
        && on_tx!(tx, |conn| sqlx::query(KEEP)
            .bind(&bot.tenant_id)
            .bind(&bot.bot_id)
            .bind(&bot.agent_key)
            .bind(&bot.token_ref)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?
            > 0;
    if !kept {
        bot_put(tx, bot).await?;
    }
    Ok(!kept)
}

/// Where a bot's token is stored; none where the tenant has no such bot, or it is disabled.
///
/// # Errors
/// Where the database does not answer.
pub async fn token_ref(
    tx: &mut Tx,
    tenant_id: &TenantId,
    bot_id: &BotId,
) -> Result<Option<SecretRef>, StoreError> {
    const SQL: &str =
        "SELECT token_ref FROM bots WHERE tenant_id = $1 AND bot_id = $2 AND enabled = 1";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(tenant_id)
            .bind(bot_id)
            .fetch_optional(conn)
            .await
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_token_is_accepted_at_its_bounds_and_refused_beyond_them() {
        for (length, accepted) in [(15, false), (16, true), (256, true), (257, false)] {
            assert_eq!(
                "x".repeat(length).parse::<WebhookSecret>().is_ok(),
                accepted,
                "{length}"
            );
        }
        assert!("has a space in it".parse::<WebhookSecret>().is_err());
    }

    #[test]
    fn a_secret_token_is_not_shown() {
        let secret: WebhookSecret = "0123456789abcdef".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
    }
}
