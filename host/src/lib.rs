#![doc = include_str!("../README.md")]

// In the order a message meets them.
pub mod ingress;
pub mod identity;
pub mod queue;
pub mod control;
pub mod hydration;
pub mod worker;
pub mod remote;
pub mod engine;
pub mod egress;
pub mod state;
pub mod outbox;
pub mod reply;

// Beside the way: loops of which one runs, whatever the number of processes.
pub mod leader;
pub mod maintenance;

// What they stand on, and what puts them together.
pub mod domain;
pub mod store;
pub mod secrets;
pub mod artifacts;
pub mod workspace;
pub mod config;
pub mod clock;
pub mod api;
pub mod app;
pub mod cli;
