//! Messages all the way through: queue, hydration, real components, settlement.

mod faults;
mod planes;
mod prompt;
mod tenants;
mod turns;
mod zombies;
