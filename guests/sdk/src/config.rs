//! Settings of this skill or engine for this agent, as the tenant configured them.

use crate::host;
use crate::types::ToolError;

/// The value of a setting, where there is one.
#[must_use]
pub fn get(key: &str) -> Option<String> {
    host::config::get(key)
}

/// The value of a setting the tool cannot do without.
///
/// # Errors
/// [`ToolError::NotConfigured`], naming the setting, where there is none.
pub fn require(key: &str) -> Result<String, ToolError> {
    get(key).ok_or_else(|| ToolError::NotConfigured(format!("the setting `{key}` is missing")))
}

/// Whether a declared credential is there to be added to requests. Its value is never readable.
#[must_use]
pub fn has_credential(name: &str) -> bool {
    host::config::has_credential(name)
}
