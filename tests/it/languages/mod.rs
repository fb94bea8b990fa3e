//! Guests in JavaScript and Python, through the real compiler and the real host.

mod cold;
mod engine;
mod released;
mod skills;
mod stage;
