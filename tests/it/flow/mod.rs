//! Messages all the way through: queue, hydration, real components, settlement.

mod faults;
mod tenants;
mod turns;
