//! Messages all the way through: queue, hydration, real components, settlement.

mod faults;
mod follow_ups;
mod limits;
mod planes;
mod prompt;
mod reaching;
mod swapped;
mod tenants;
mod told;
mod turns;
mod waking;
mod weather;
mod zombies;
