//! The requests of a skill to the network.
//!
//! The way of one request: it is counted ([`HttpMeter`]) and made into an address as it will be sent
//! ([`Target`](crate::domain::Target)); the skill's rules decide on that address; what the guest put into it is looked
//! through for headers it may not set and for values it should not know (`request`); the host adds the credential that
//! the rule names (`credential`); [`egress`](crate::egress) resolves, checks and pins; what comes back is bounded and
//! loses the values of secrets (`exchange`), and the turn's recorder is told of what is left ([`Telling`]). Nothing follows
//! a redirect: the guest may, and meets the rules again.
//!
//! A body is sent once the guest has finished it, so that what is looked through is what is sent. Answers are asked for
//! without compression, and a compressed one is refused: a secret could come back in it unseen, and a small answer
//! could become a large one.

mod credential;
mod exchange;
mod meter;
mod request;
mod telling;

pub(super) use credential::secret_values;
pub(super) use exchange::{Sending, send};
pub(super) use meter::HttpMeter;
pub(super) use request::{Asked, Refusal, prepare};
pub(super) use telling::Telling;
