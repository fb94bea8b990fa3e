use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A text that is no id of its kind; says which kind, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be 1 to {longest} characters of {allowed}")]
pub struct IdError {
    kind: &'static str,
    longest: usize,
    allowed: &'static str,
}

/// A newtype over a short text whose characters are checked once, when it is made.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $longest:literal, $allowed:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(try_from = "String", into = "String")]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as it is stored and shown.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let accepts: fn(char) -> bool = $accepts;
                let fits = !text.is_empty() && text.len() <= $longest && text.chars().all(accepts);
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { kind: $kind, longest: $longest, allowed: $allowed })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, out)
            }
        }
    };
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

const fn is_slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

text_id!(
    /// One customer. Every stored row has one, and nothing crosses from one to another.
    TenantId, "a tenant id", 64, "a-z, 0-9 and -", is_slug
);
text_id!(
    /// One agent of a tenant (`agentKey`).
    AgentKey, "an agentKey", 64, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// One conversation of a tenant (`conversationId`): `telegram:<bot>:<chat>[:<topic>]`, or an app's
    /// own word. Opaque to everything but the ingress that made it.
    ConversationId, "a conversationId", 256, "visible ASCII", |c| c.is_ascii_graphic()
);
text_id!(
    /// One message of a conversation, made by the host.
    MessageId, "a message id", 64, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// One reply on its way out, made by the host.
    OutboxId, "an outbox id", 80, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// One life of one worker process. Never a host name: those come back.
    WorkerId, "a worker id", 128, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// One life of one process that stands for the lead of the singleton loops.
    LeaderId, "a leader id", 64, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// One API token, by a name that opens nothing.
    TokenId, "a token id", 64, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// A set of machines that serves some agents and no others.
    Pool, "a pool", 64, "a-z, 0-9 and -", is_slug
);
text_id!(
    /// A skill's name, as its folder and the `name` of its SKILL.md (the Agent Skills standard).
    SkillName, "a skill's name", 64, "a-z, 0-9 and -", is_slug
);
text_id!(
    /// The name of a secret (`secretRef`), for example `telegram.botToken.default`.
    SecretRef, "a secretRef", 128, "A-Z, a-z, 0-9, -, _ and .", is_name
);
text_id!(
    /// The wire format of a model server, for example `openai-chat`.
    ModelApi, "a model's api", 64, "a-z, 0-9 and -", is_slug
);
text_id!(
    /// A vendor's name of a model.
    ModelName, "a model's name", 256, "visible ASCII", |c| c.is_ascii_graphic()
);
text_id!(
    /// A Telegram bot's id: the number before the colon of its token.
    BotId, "a bot id", 20, "0-9", |c| c.is_ascii_digit()
);
text_id!(
    /// Where a workspace document lies, for example `memory/2026-11-22.md`.
    DocumentPath, "a document path", 256, "any characters but control characters and \\",
    |c| !c.is_control() && c != '\\'
);

/// Ids the host makes itself: a prefix that tells the kind, and 128 random bits.
macro_rules! made_id {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// From random bytes.
            #[must_use]
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(format!(concat!($prefix, "_{}"), hex::encode(bytes)))
            }
        }
    };
}

made_id!(MessageId, "msg");
made_id!(OutboxId, "out");
made_id!(TokenId, "tok");
made_id!(WorkerId, "wrk");
made_id!(LeaderId, "ldr");

impl Default for Pool {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl DocumentPath {
    /// Whether this is part of the agent's memory: `MEMORY.md` or a note under `memory/`.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        self.0 == "MEMORY.md" || (self.0.starts_with("memory/") && self.0.ends_with(".md"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_accepted_at_its_longest_and_refused_one_beyond() {
        assert!("a".repeat(64).parse::<TenantId>().is_ok());
        let error = "a".repeat(65).parse::<TenantId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a tenant id must be 1 to 64 characters of a-z, 0-9 and -"
        );
        assert!("".parse::<TenantId>().is_err());
    }

    #[test]
    fn an_id_with_a_foreign_character_is_refused_by_serde_too() {
        assert!("a/b".parse::<AgentKey>().is_err());
        assert!(serde_json::from_str::<AgentKey>("\"a b\"").is_err());
        assert!("telegram:1:2 ".parse::<ConversationId>().is_err());
        assert!("telegram:1:-2:3".parse::<ConversationId>().is_ok());
    }
}
