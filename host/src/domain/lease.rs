use super::{AgentKey, ConversationId, MessageId, TenantId, TraceId};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Proof of holding a lease: 128 random bits as hex, new with every claim. Not shown by `Debug`:
/// who knows it can settle the message.
#[derive(Clone, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct LeaseToken(String);

impl LeaseToken {
    /// From random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As it is stored and sent.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
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
pub struct Lease {
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
