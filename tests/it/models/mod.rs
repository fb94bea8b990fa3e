//! Models: from an agent's profile to a real server, and everything such a server may do wrong.

mod asking;
mod bounds;
mod dev;
mod fixture;
mod holding;
mod secrets;
