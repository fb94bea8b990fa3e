//! Tokens of bots: who may call.

use std::fmt;
use std::str::FromStr;

/// Which tokens the double accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Those of [`add_bot`](super::TelegramDouble::add_bot) only.
    Listed,
    /// Every well-formed one; convenient at a terminal.
    AnyWellFormed,
}

/// A well-formed token: `<digits>:<20 or more of A-Za-z0-9_->`. `Debug` shows the bot's id only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BotToken {
    text: String,
    bot_id: i64,
}

/// The text is no token. It is not repeated here: it may be a mistyped one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedToken;

impl BotToken {
    /// The number before the colon.
    #[must_use]
    pub fn bot_id(&self) -> i64 {
        self.bot_id
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BotToken {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let (id, secret) = text.split_once(':').ok_or(MalformedToken)?;
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !digits || secret.len() < 20 || !secret.bytes().all(allowed) {
            return Err(MalformedToken);
        }
        let bot_id = id.parse().map_err(|_| MalformedToken)?;
        Ok(Self {
            text: text.to_owned(),
            bot_id,
        })
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BotToken({}:..)", self.bot_id)
    }
}

impl fmt::Display for MalformedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bot token is digits, a colon, then 20 or more of A-Z, a-z, 0-9, '_' and '-'")
    }
}

impl std::error::Error for MalformedToken {}
