//! The double against the documentation of the Bot API, over HTTP.
