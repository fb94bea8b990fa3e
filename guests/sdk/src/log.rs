//! Lines in the receipt of this call. Bounded in number and length: over that they are dropped and
//! counted.

use crate::host;

pub use crate::bindings::skill::agent_factory::guest::logging::Level;

/// Every step.
pub fn trace(message: impl AsRef<str>) {
    host::logging::log(Level::Trace, message.as_ref());
}

/// What an author wants to see while writing.
pub fn debug(message: impl AsRef<str>) {
    host::logging::log(Level::Debug, message.as_ref());
}

/// What an operator wants to see of a call that went well.
pub fn info(message: impl AsRef<str>) {
    host::logging::log(Level::Info, message.as_ref());
}

/// The call went on, but something is off.
pub fn warn(message: impl AsRef<str>) {
    host::logging::log(Level::Warn, message.as_ref());
}

/// The call could not do what it was asked to.
pub fn error(message: impl AsRef<str>) {
    host::logging::log(Level::Error, message.as_ref());
}
