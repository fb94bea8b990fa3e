//! Messages all the way through: queue, hydration, real components, settlement.

mod faults;
mod prompt;
mod tenants;
mod turns;
mod zombies;
