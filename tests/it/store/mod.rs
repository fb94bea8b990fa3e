//! What holds on either database, and between processes that share one.

mod processes;
mod schema;
mod upgrading;
mod writes;
