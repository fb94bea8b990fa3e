//! The real program, killed at the worst moments.

mod killed;
mod starting;
mod stopped;
mod together;
mod webhook;
