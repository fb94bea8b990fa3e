//! Agent Factory.

pub mod domain;
