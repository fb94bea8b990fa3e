//! The table of quantities: every number an operator can set, with its range and unit.
//!
//! Validation and `config show` read the same table, so that what is printed is what is checked.

use super::error::{Origin, Problem};
use super::{
    default_limits, egress, hydration, lease, limits, outbox, queue, retry, scaling, server,
    telegram, uploads, worker,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// One number of the configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// Section and name, for example `queue.claim_batch_size`.
    pub key: &'static str,
    /// What is accepted, both ends included.
    pub bounds: Bounds,
    /// What is counted, for example `milliseconds`.
    pub unit: &'static str,
}

/// The lowest and the highest accepted value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// A whole number.
    Whole(u64, u64),
    /// A number that may have decimals.
    Fraction(f64, f64),
}

/// A quantity that is counted in whole numbers.
pub(super) const fn whole(key: &'static str, min: u64, max: u64, unit: &'static str) -> Quantity {
    Quantity {
        key,
        bounds: Bounds::Whole(min, max),
        unit,
    }
}

/// A quantity that may have decimals.
pub(super) const fn fraction(
    key: &'static str,
    min: f64,
    max: f64,
    unit: &'static str,
) -> Quantity {
    Quantity {
        key,
        bounds: Bounds::Fraction(min, max),
        unit,
    }
}

impl Quantity {
    /// Whether a value is a number of the right kind within the bounds.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self.bounds {
            Bounds::Whole(min, max) => value.as_u64().is_some_and(|n| (min..=max).contains(&n)),
            Bounds::Fraction(min, max) => value.as_f64().is_some_and(|n| (min..=max).contains(&n)),
        }
    }
}

/// The range and the unit as a person reads them: `1 to 1000 conversations`.
impl fmt::Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bounds {
            Bounds::Whole(min, max) => write!(out, "{min} to {max} {}", self.unit),
            Bounds::Fraction(min, max) => write!(out, "{min} to {max} {}", self.unit),
        }
    }
}

/// All quantities, section by section.
pub fn quantities() -> impl Iterator<Item = &'static Quantity> {
    [
        server::QUANTITIES,
        super::database::QUANTITIES,
        queue::QUANTITIES,
        retry::QUANTITIES,
        lease::QUANTITIES,
        super::leader::QUANTITIES,
        super::maintenance::QUANTITIES,
        super::metrics::QUANTITIES,
        scaling::QUANTITIES,
        hydration::QUANTITIES,
        outbox::QUANTITIES,
        telegram::QUANTITIES,
        egress::QUANTITIES,
        limits::OF_A_CALL,
        limits::OF_A_WORKER,
        default_limits::QUANTITIES,
        uploads::QUANTITIES,
        worker::QUANTITIES,
    ]
    .into_iter()
    .flatten()
}

/// The quantity of this key; none where the key holds a text.
#[must_use]
pub fn quantity(key: &str) -> Option<&'static Quantity> {
    quantities().find(|quantity| quantity.key == key)
}

/// Every value that is out of its bounds.
pub(super) fn check(
    values: &BTreeMap<String, Value>,
    origin: &dyn Fn(&str) -> Origin,
) -> Vec<Problem> {
    quantities()
        .filter_map(|quantity| {
            let value = values.get(quantity.key)?;
            // A null is a value that is not set; nobody can write one.
            (!value.is_null() && !quantity.accepts(value)).then(|| Problem::Range {
                quantity,
                value: value.to_string(),
                origin: origin(quantity.key),
            })
        })
        .collect()
}
