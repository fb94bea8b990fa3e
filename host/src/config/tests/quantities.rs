//! Bounds and rules.

use super::super::bounds::Bounds;
use super::*;

/// Loads one value for one key by its variable and says which keys were refused for their range.
fn out_of_range(key: &str, value: &str) -> Vec<&'static str> {
    match Config::load(None, owned(&[(&variable_of(key), value)])) {
        Err(ConfigError::Refused(problems)) => problems
            .iter()
            .filter_map(|problem| match problem {
                Problem::Range { quantity, .. } => Some(quantity.key),
                // A lone value at its bound may contradict another one's default.
                _ => None,
            })
            .collect(),
        Ok(_) => Vec::new(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_quantity_is_accepted_at_both_bounds_and_refused_beyond() {
    for quantity in quantities() {
        let (inside, beyond) = match quantity.bounds {
            Bounds::Whole(min, max) => (
                [min.to_string(), max.to_string()],
                [
                    (i128::from(min) - 1).to_string(),
                    (i128::from(max) + 1).to_string(),
                ],
            ),
            Bounds::Fraction(min, max) => (
                [min.to_string(), max.to_string()],
                [(min - 0.001).to_string(), (max + 0.001).to_string()],
            ),
        };
        for value in inside {
            assert_eq!(out_of_range(quantity.key, &value), [""; 0], "{value}");
        }
        for value in beyond {
            assert_eq!(
                out_of_range(quantity.key, &value),
                [quantity.key],
                "{value}"
            );
        }
    }
}

#[test]
fn every_number_of_the_configuration_is_a_quantity_and_the_other_way_round() {
    let mut numbers: Vec<String> = keys::leaves(&Config::default())
        .into_iter()
        .filter(|(key, value)| {
            // What may be left out is null.
            value.is_number() || (value.is_null() && quantity(key).is_some())
        })
        .map(|(key, _)| key)
        .collect();
    let mut table: Vec<&str> = quantities().map(|quantity| quantity.key).collect();
    numbers.sort();
    table.sort_unstable();
    assert_eq!(numbers, table);
}

#[test]
fn the_highest_accepted_value_of_every_quantity_fits_its_type() {
    for quantity in quantities() {
        let value = match quantity.bounds {
            Bounds::Whole(_, max) => max.into(),
            Bounds::Fraction(_, max) => max.into(),
        };
        let mut leaves = keys::leaves(&Config::default());
        leaves.insert(quantity.key.to_owned(), value);
        let config = serde_json::from_value::<Config>(keys::tree(&leaves));
        assert!(config.is_ok(), "{}", quantity.key);
    }
}

#[test]
fn the_defaults_are_valid_and_are_the_references() {
    let config = load("", &[]).unwrap();
    assert!(config.validate().is_ok());
    assert_eq!(
        (config.queue.default_priority, config.queue.max_attempts),
        (50, 5)
    );
    assert_eq!(
        (config.retry.base_delay_ms, config.retry.max_delay_ms),
        (1_000, 120_000)
    );
    assert_eq!(
        (config.lease.lease_ms, config.lease.stale_after_ms),
        (60_000, 90_000)
    );
    assert_eq!(
        (config.scaling.min_workers, config.scaling.max_workers),
        (0, 20)
    );
    assert_eq!(config.server.path_prefix.as_str(), "/agent-factory");
    assert_eq!(
        config.database.url.sqlite_path(),
        Some(Path::new("agent-factory.db"))
    );
}

fn lowest(key: &str) -> u64 {
    match quantity(key).unwrap().bounds {
        Bounds::Whole(min, _) => min,
        Bounds::Fraction(..) => panic!("no rule is between fractions"),
    }
}

#[test]
fn each_rule_between_two_quantities_holds_at_its_limit_and_breaks_beyond() {
    for (lower, higher, strictly) in rules::rules() {
        let defaults = keys::leaves(&Config::default());
        let high = lowest(lower).max(lowest(higher)) + 1;
        let limit = if strictly { high - 1 } else { high };
        for (low, breaks) in [(limit, false), (limit + 1, true)] {
            let mut leaves = defaults.clone();
            leaves.insert(lower.to_owned(), low.into());
            leaves.insert(higher.to_owned(), high.into());
            let broken = rules::check(&leaves, &|_| Origin::Default);
            let is_told = broken.iter().any(|problem| {
                let told = problem.to_string();
                told.contains(&format!("{lower} is {low} "))
                    && told.contains(&format!("{higher} is {high} "))
            });
            assert_eq!(is_told, breaks, "{lower} and {higher}: {broken:?}");
        }
    }
}

#[test]
fn rules_are_checked_beside_bounds_but_not_for_a_value_out_of_its_bounds() {
    let told = refusal(
        "[scaling]\nmin_workers = 30\n[retry]\nbase_delay_ms = 999999999",
        &[],
    );
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.contains("scaling.min_workers is 30"), "{told}");
    assert!(told.contains("retry.base_delay_ms is 999999999"), "{told}");
}

#[test]
fn a_broken_rule_tells_where_to_repair_it() {
    let told = refusal(
        "scaling.max_workers = 2",
        &[("AGENT_FACTORY_SCALING__MIN_WORKERS", "3")],
    );
    assert!(
        told.contains("scaling.min_workers is 3 (in AGENT_FACTORY_SCALING__MIN_WORKERS) and scaling.max_workers is 2 (in "),
        "{told}"
    );
    assert!(
        told.contains(
            "must not exceed the most; change or unset AGENT_FACTORY_SCALING__MIN_WORKERS"
        ),
        "{told}"
    );
}

#[test]
fn fly_needs_an_app_and_no_other_provider_does() {
    assert!(
        refusal("provider.kind = \"fly\"", &[]).contains("provider.app (the default) is refused")
    );
    assert!(load("provider = { kind = \"fly\", app = \"workers\" }", &[]).is_ok());
    assert!(load("provider.kind = \"process\"", &[]).is_ok());
    assert!(refusal("provider.kind = \"ecs\"", &[]).contains("provider.kind"));
    assert!(refusal("provider.app = \"a/b\"", &[]).contains("provider.app"));
}

#[test]
fn a_configuration_changed_in_code_is_validated_too() {
    let mut config = Config::default();
    config.queue.claim_batch_size = 0;
    config.scaling.min_workers = 21;
    let told = config.validate().unwrap_err().to_string();
    assert!(
        told.contains("queue.claim_batch_size is 0 (the default)"),
        "{told}"
    );
    assert!(told.contains("scaling.min_workers is 21"), "{told}");
}
