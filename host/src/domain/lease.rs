use super::{AgentKey, ConversationId, Digest, MessageId, Pool, TenantId, TraceId};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Proof of holding a lease: 128 random bits as hex, new with every claim. Not shown by `Debug`:
/// who knows it can settle the message, if it has a worker token of the lease's pool too.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseToken(String);

impl LeaseToken {
    /// From random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As it is sent.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it: a digest over the token and the pool it was claimed for. Under another pool's worker token
    /// it proves nothing, and from a copy of the database it cannot be had at all.
    #[must_use]
    pub fn sealed(&self, pool: &Pool) -> LeaseSeal {
        let digest = Digest::of_texts(["lease token", pool.as_str(), &self.0]);
        LeaseSeal(digest.to_string())
    }
}

/// What a lease's token is compared with ([`LeaseToken::sealed`]).
#[derive(Clone, Debug, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct LeaseSeal(String);

impl LeaseSeal {
    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for LeaseSeal {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for LeaseSeal {}

/// One claim of one worker, however often it is asked for: 128 random bits as hex. The tokens of what it leases
/// follow from it, so that a repeat whose first answer was lost finds the same leases again. Not shown by `Debug`: who
/// knows it knows the tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimId(String);

/// A text that is no [`ClaimId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim id is 32 lowercase hex digits")]
pub struct ClaimIdError;

impl ClaimId {
    /// From random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As it is sent.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The token of the lease that this claim takes on a conversation (or on its replies: `of` tells the two apart).
    #[must_use]
    pub fn lease_token(
        &self,
        of: &str,
        tenant_id: &TenantId,
        conversation_id: &ConversationId,
        fence: Fence,
    ) -> LeaseToken {
        let fence = fence.0.to_string();
        let (tenant, conversation) = (tenant_id.as_str(), conversation_id.as_str());
        let digest = Digest::of_texts(["claim", &self.0, of, tenant, conversation, &fence]);
        LeaseToken(hex::encode(
            digest.as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]),
        ))
    }
}

impl TryFrom<String> for ClaimId {
    type Error = ClaimIdError;

    fn try_from(text: String) -> Result<Self, ClaimIdError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(hex) {
            Ok(Self(text))
        } else {
            Err(ClaimIdError)
        }
    }
}

impl From<ClaimId> for String {
    fn from(id: ClaimId) -> Self {
        id.0
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClaimId(..)")
    }
}

/// A claim that can be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTry {
    /// The same for every try of one claim.
    pub id: ClaimId,
    /// An earlier try may have taken leases: they are the answer then.
    #[serde(default)]
    pub repeated: bool,
}

impl PartialEq for LeaseToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for LeaseToken {}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LeaseToken(..)")
    }
}

/// Grows by one with every claim of a conversation, so that two claims can be told apart and ordered
/// even by services that never see the token.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Fence(pub i64);

/// The right to work on one message of one conversation, for a while. Every write of a worker
/// carries it, and is refused once it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The pool it was claimed for. On its way in, what a worker's token opens stands here, whatever was sent.
    pub pool: Pool,
    /// The tenant, taken from the claimed message and never from a guest.
    pub tenant_id: TenantId,
    /// The conversation that is leased.
    pub conversation_id: ConversationId,
    /// The agent it talks to.
    pub agent_key: AgentKey,
    /// The message in flight.
    pub message_id: MessageId,
    /// Follows that message through logs, on both sides. Compared with nothing.
    pub trace_id: TraceId,
    /// Proof of this claim.
    pub token: LeaseToken,
    /// Number of this claim.
    pub fence: Fence,
}

impl Lease {
    /// What the database has of the token, if this lease is the one that holds.
    #[must_use]
    pub fn seal(&self) -> LeaseSeal {
        self.token.sealed(&self.pool)
    }
}
