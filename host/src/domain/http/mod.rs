//! Which requests a skill may make, and what is added to them: rules, and whether a request meets them.
//!
//! A [`Target`] is an address as it will be sent: it is made once, checked against the [`HttpRules`], and sent as it
//! is, so that the check and the wire cannot read one text in two ways. What a server behind it may read in two ways (an
//! encoded slash, two slashes, a path parameter) must meet the rules however it is read.

mod credential;
mod host;
mod method;
mod path;
mod rules;
mod target;

pub use credential::{CredentialError, CredentialName, CredentialWay, HttpCredential};
pub use host::{HostPattern, HostPatternError};
pub use method::{HttpMethod, HttpMethodError};
pub use path::{PathPrefix, PathPrefixError};
pub use rules::{HttpAllow, HttpDenial, HttpDeny, HttpRules, HttpRulesError, OutsideError};
pub use target::{Target, TargetError};
