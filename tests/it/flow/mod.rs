//! Messages all the way through: queue, hydration, real components, settlement.

mod faults;
mod follow_ups;
mod planes;
mod prompt;
mod reaching;
mod tenants;
mod told;
mod turns;
mod weather;
mod zombies;
