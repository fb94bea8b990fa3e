//! Arithmetic for agents.
