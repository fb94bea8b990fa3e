//! `[default_limits]`: what a component may take where nobody asks for more or less.

use super::bounds::{Quantity, whole};
use crate::domain::{LimitName, LimitSet, LimitSetError, Reach};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

pub(super) const QUANTITIES: &[Quantity] = &table();

const COUNT: usize = count();

const fn count() -> usize {
    let (mut names, mut count) = (LimitName::ALL, 0);
    while let [name, others @ ..] = names {
        if !matches!(name.reach(), Reach::Fixed) {
            count += 1;
        }
        names = others;
    }
    count
}

const fn table() -> [Quantity; COUNT] {
    let mut table = [whole("", 0, 0, ""); COUNT];
    let (mut names, mut rest) = (LimitName::ALL, table.as_mut_slice());
    while let [name, other_names @ ..] = names {
        names = other_names;
        if matches!(name.reach(), Reach::Fixed) {
            continue;
        }
        let [place, other_places @ ..] = rest else {
            break;
        };
        let (min, max) = name.bounds();
        *place = whole(name.default_key(), min, max, name.unit());
        rest = other_places;
    }
    table
}

/// What a component may take where neither its skill nor its agent asks for a value (`[default_limits]`). What is not set is
/// as in `[limits]`, so that nobody can ask for more; a lower default leaves room for those who ask, up to `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultLimits(pub LimitSet);

impl Serialize for DefaultLimits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let settable = LimitName::ALL
            .iter()
            .filter(|limit| limit.settable(Reach::Turn));
        to.collect_map(settable.map(|limit| (limit, self.0.get(*limit))))
    }
}

impl<'de> Deserialize<'de> for DefaultLimits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, Option<u64>>::deserialize(from)?;
        let set = values
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let parsed: Result<LimitSet, LimitSetError> = LimitSet::parse(&set.collect(), Reach::Turn);
        parsed.map(Self).map_err(serde::de::Error::custom)
    }
}
