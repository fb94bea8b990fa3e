//! Who a message is from and which agent it is for.

mod bots;

pub use bots::{Bot, NewBot, WebhookSecret, WebhookSecretError, bot_by_secret, bot_put, token_ref};
