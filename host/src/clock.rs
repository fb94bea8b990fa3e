//! Ids and randomness, passed in. (Time comes from the database: [`crate::store::Db`].)
//!
//! Tests pass [`Ids::seeded`] and get the same ids in every run; the product passes [`Ids::system`].

use crate::domain::{LeaderId, LeaseToken, MessageId, OutboxId, TokenId, WorkerId};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The source of ids, lease tokens and other random bytes.
#[derive(Clone, Debug)]
pub struct Ids(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The operating system's randomness.
    System,
    /// A sequence that follows from a seed.
    Seeded { seed: u64, next: Arc<AtomicU64> },
}

/// The operating system gave no randomness; nothing that needs an id can go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

impl Ids {
    /// Random bytes from the operating system.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The same sequence for the same seed. For tests: who knows the seed knows the tokens.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded {
            seed,
            next: Arc::new(AtomicU64::new(0)),
        })
    }

    /// `N` random bytes (at most 32 from a seed's sequence).
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => getrandom::fill(&mut bytes).map_err(NoRandomness)?,
            Source::Seeded { seed, next } => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let mut hash = Sha256::new();
                hash.update(seed.to_be_bytes());
                hash.update(number.to_be_bytes());
                for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
                    *to = from;
                }
            }
        }
        Ok(bytes)
    }

    /// A new message's id.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn message(&self) -> Result<MessageId, NoRandomness> {
        Ok(MessageId::from_random(self.bytes()?))
    }

    /// A new outbox row's id.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn outbox(&self) -> Result<OutboxId, NoRandomness> {
        Ok(OutboxId::from_random(self.bytes()?))
    }

    /// A new worker's id.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn worker(&self) -> Result<WorkerId, NoRandomness> {
        Ok(WorkerId::from_random(self.bytes()?))
    }

    /// A new leader's id.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn leader(&self) -> Result<LeaderId, NoRandomness> {
        Ok(LeaderId::from_random(self.bytes()?))
    }

    /// A new API token's id.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn token(&self) -> Result<TokenId, NoRandomness> {
        Ok(TokenId::from_random(self.bytes()?))
    }

    /// A new lease's token.
    ///
    /// # Errors
    /// As [`Ids::bytes`].
    pub fn lease_token(&self) -> Result<LeaseToken, NoRandomness> {
        Ok(LeaseToken::from_random(self.bytes()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_ids_again_and_never_one_twice() {
        let (one, two) = (Ids::seeded(7), Ids::seeded(7));
        let first = one.message().unwrap();
        assert_eq!(first, two.message().unwrap());
        assert_ne!(first, one.message().unwrap());
    }
}
