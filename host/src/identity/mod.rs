//! Who a message is from and which agent it is for, and who may ask for what.

mod bots;
mod tenants;
mod tokens;

pub use bots::{
    Bot, NewBot, WebhookSecret, WebhookSecretError, bot_by_secret, bot_configure, bot_put,
    token_ref,
};
pub use tenants::{Tenant, tenant_cap, tenant_exists, tenant_put, tenants};
pub use tokens::{
    ApiToken, ApiTokenError, NewToken, TOKEN_NAME_BYTES_MAX, TokenError, TokenInfo, TokenScope,
    has_operator, token_by_id, token_by_secret, token_is_stored, token_put, token_revoke, tokens,
};
