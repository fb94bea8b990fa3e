//! What the integration tests stand on.

pub mod api;
pub mod built;
pub mod compiled;
pub mod contract;
pub mod database;
pub mod deployment;
pub mod dev;
pub mod factory;
pub mod history;
pub mod installation;
pub mod leases;
pub mod model;
pub mod postgres;
pub mod process;
pub mod remote;
pub mod telegram;
pub mod web;
pub mod wire;
