//! Replies on their way out: cut to what a channel takes, and sent.
//!
//! Sending is not part of the turn: a reply is stored with the completion ([`crate::outbox`]) and sent after it, by the
//! worker that ran the turn or by any other.

mod chunks;
mod telegram;

pub use chunks::{TELEGRAM_UTF16_MAX, chunks};
pub use telegram::Telegram;
