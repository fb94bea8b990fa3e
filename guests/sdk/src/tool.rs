//! A function as the host calls it.

use crate::host;
use crate::types::{Hints, Output, Tool, ToolError};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// What [`tool`](macro@crate::tool) makes of a function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "put `#[tool]` on the function"
)]
pub trait ToolFunction {
    /// The bare name: 1 to 32 of `a-z`, `0-9`, `_`.
    const NAME: &'static str;

    /// Name, description, schemas and hints.
    fn describe() -> Tool;

    /// Runs the function on arguments in JSON text.
    ///
    /// # Errors
    /// [`ToolError::InvalidArguments`] where they do not fit its argument type, else the
    /// function's own.
    fn call(context: &Context, arguments: &str) -> Result<Output, ToolError>;
}

/// The call at hand. A tool that wants it takes a `&Context` beside its arguments.
#[derive(Debug)]
pub struct Context {
    held: host::ToolCall,
    idempotency_key: OnceCell<String>,
}

impl Context {
    pub(crate) fn of(held: host::ToolCall) -> Self {
        Self {
            held,
            idempotency_key: OnceCell::new(),
        }
    }

    /// A call of a test, with this idempotency key and a minute to run. Most tests have theirs made by
    /// [`Host::call`](crate::testing::Host::call).
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn new(idempotency_key: String) -> Self {
        Self::of(host::ToolCall { idempotency_key })
    }

    /// Made by the host, the same for every attempt of the same call: pass it on to services that
    /// can drop repeats, or keep it beside what the call made.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        self.idempotency_key
            .get_or_init(|| self.held.idempotency_key())
    }

    /// Wall clock left for this call, in milliseconds.
    #[must_use]
    pub fn milliseconds_left(&self) -> u32 {
        self.held.milliseconds_left()
    }
}

/// What the attribute says about a tool.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The bare name.
    pub name: &'static str,
    /// For people.
    pub title: Option<&'static str>,
    /// For the model.
    pub text: &'static str,
    /// How careful the host has to be.
    pub hints: Hints,
}

/// Reads a tool's arguments.
///
/// # Errors
/// [`ToolError::InvalidArguments`] with what is wrong.
#[doc(hidden)]
pub fn parse_arguments<T: DeserializeOwned>(json: &str) -> Result<T, ToolError> {
    serde_json::from_str(json).map_err(|error| ToolError::invalid_arguments(error.to_string()))
}

/// Reads the arguments of a tool that takes none.
///
/// # Errors
/// [`ToolError::InvalidArguments`] where there are some.
#[doc(hidden)]
pub fn check_no_arguments(json: &str) -> Result<(), ToolError> {
    let arguments: BTreeMap<String, IgnoredAny> = parse_arguments(json)?;
    match arguments.keys().next() {
        None => Ok(()),
        Some(name) => Err(ToolError::invalid_arguments(format!(
            "unknown field `{name}`: this tool takes no arguments"
        ))),
    }
}
