//! Small durable state, private to this tenant, agent and skill. Asked for in
//! `config/capabilities.toml`:
//!
//! ```toml
//! [capabilities]
//! key-value = ["agent"]   # or "conversation", or both
//! ```
//!
//! Two conversations of one agent may write the same key at once. [`update`] is safe against that;
//! with [`get`] and [`set`] the second writer wins, and with [`set_if_version`] the author decides.

use crate::host;
use crate::types::{Retry, ToolError};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::skill::agent_factory::guest::key_value::{Entry, Error, Page, Scope};

/// How often [`update`] tries again when somebody else wrote in between.
pub const UPDATE_ATTEMPTS_MAX: u32 = 16;

/// How long a caller should wait after [`update`] gave up, in milliseconds.
const BUSY_RETRY_MILLISECONDS: u32 = 250;

/// Reads; none where nothing is stored.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant.
pub fn get(scope: Scope, key: &str) -> Result<Option<Entry>, Error> {
    host::key_value::get(scope, key)
}

/// Writes over whatever is there, and returns the new version.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant, [`Error::TooLarge`] over a limit.
pub fn set(scope: Scope, key: &str, value: &[u8]) -> Result<u64, Error> {
    host::key_value::set(scope, key, value, None)
}

/// Writes only over that version (0: only where nothing is stored), and returns the new one.
///
/// # Errors
/// [`Error::Conflict`] with the stored version where it is another, and those of [`set`].
pub fn set_if_version(scope: Scope, key: &str, value: &[u8], version: u64) -> Result<u64, Error> {
    host::key_value::set(scope, key, value, Some(version))
}

/// Removes; removing what is not there is no error.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant.
pub fn delete(scope: Scope, key: &str) -> Result<(), Error> {
    host::key_value::delete(scope, key)
}

/// Keys that start with `prefix`, in byte order, a bounded page at a time.
///
/// # Errors
/// [`Error::AccessDenied`] without the grant.
pub fn list_keys(scope: Scope, prefix: &str, cursor: Option<&str>) -> Result<Page, Error> {
    host::key_value::list_keys(scope, prefix, cursor)
}

/// Reads a value kept as JSON; the default where nothing is stored.
///
/// # Errors
/// What the store says, or [`ToolError::Failed`] where the stored bytes are no such value.
pub fn load<T: Default + DeserializeOwned>(scope: Scope, key: &str) -> Result<T, ToolError> {
    get(scope, key)?.map_or_else(|| Ok(T::default()), |entry| decode(key, &entry.value))
}

/// Changes a value kept as JSON, so that no concurrent change is lost: reads it (the default where
/// nothing is stored), lets `change` work on it, and writes it only if nobody wrote in between;
/// otherwise all of that again, at most [`UPDATE_ATTEMPTS_MAX`] times. `change` may therefore run
/// more than once. A value it leaves as it was is not written.
///
/// # Errors
/// Those of `change`, what the store says, and [`ToolError::RetryAfter`] where others kept writing.
pub fn update<T, R>(
    scope: Scope,
    key: &str,
    mut change: impl FnMut(&mut T) -> Result<R, ToolError>,
) -> Result<R, ToolError>
where
    T: Default + Serialize + DeserializeOwned,
{
    for _ in 0..UPDATE_ATTEMPTS_MAX {
        let stored = get(scope, key)?;
        let (mut value, version) = match &stored {
            Some(entry) => (decode(key, &entry.value)?, entry.version),
            None => (T::default(), 0),
        };
        let result = change(&mut value)?;
        let bytes = serde_json::to_vec(&value)
            .map_err(|error| ToolError::failed(format!("cannot write `{key}`: {error}")))?;
        if stored.is_some_and(|entry| entry.value == bytes) {
            return Ok(result);
        }
        match set_if_version(scope, key, &bytes, version) {
            Ok(_) => return Ok(result),
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, ToolError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ToolError::failed(format!("cannot read what is stored as `{key}`: {error}"))
    })
}

fn busy() -> ToolError {
    ToolError::RetryAfter(Retry {
        milliseconds: BUSY_RETRY_MILLISECONDS,
        reason: "other conversations keep writing the same state".to_owned(),
    })
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => Self::NotConfigured(
                "this skill may not keep state: `key-value` must be asked for in \
                 config/capabilities.toml and granted"
                    .to_owned(),
            ),
            Error::Conflict(_) => busy(),
            Error::TooLarge(limit) => Self::Refused(format!("too large to keep: {limit}")),
            Error::Other(why) => Self::Failed(format!("the state could not be used: {why}")),
        }
    }
}
