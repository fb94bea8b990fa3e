//! Replies on their way out: cut to what a channel takes, and sent.
//!
//! Sending is not part of the turn: a reply is stored with the completion ([`crate::outbox`]) and sent after it, by the
//! worker that ran the turn or by any other.

mod chunks;
mod telegram;

pub use chunks::{TELEGRAM_UTF16_MAX, chunks};
pub use telegram::Telegram;

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "outcome",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Sent {
    /// The provider has it, under this id of its own.
    Delivered {
        /// The provider's id, where it gave one.
        provider_message_id: Option<String>,
    },
    /// Not now.
    Retry {
        /// For the operator.
        reason: String,
        /// At least this long, where the provider knows.
        #[serde(
            rename = "afterMs",
            default,
            with = "crate::domain::json::optional_millis"
        )]
        after: Option<Duration>,
    },
    /// Never: the provider refuses it for good.
    Refused {
        /// For the operator.
        reason: String,
    },
}
